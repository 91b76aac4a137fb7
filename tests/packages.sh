# To be sourced by scripts that start servers from installed programs.

# Installs Debian packages, where that can be done. Packaged, a server would be started for the whole system, too; not so.
install_packages() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing $* with apt-get …" >&2
    apt-get update -q >&2 && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" >&2
}
