# Functions for scripts that start a private PostgreSQL from installed programs; to be sourced. Such a server listens on a socket in a
# temporary folder, is quick, and would not survive a crash.
# shellcheck source=tests/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

find_bin() {
    local dir
    for dir in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin 2>/dev/null | sort -rV) "$(pg_config --bindir 2>/dev/null || true)" \
        "$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")"; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
            echo "$dir"
            return
        fi
    done
    return 1
}

# Sets `bin`, where the programs are.
need_postgres() {
    bin=$(find_bin) || { install_packages postgresql && bin=$(find_bin); } || {
        cat >&2 <<'MESSAGE'
The tests need a PostgreSQL server (13 or newer), and none is installed. Either
  - install one: Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server;
    macOS: brew install postgresql. It need not run: the tests start a private one.
  - or set TEST_DATABASE_URL to a server where they may make databases,
    such as postgres://user:password@localhost/postgres.
MESSAGE
        return 1
    }
}

# Makes the folder `dir`, and sets `as`, which makes a command one of its owner: PostgreSQL refuses to run as root.
make_folder() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/jobportal-pg.XXXXXX")
    as=()
    if [ "$(id -u)" = 0 ]; then
        local user=postgres
        id "$user" >/dev/null 2>&1 || user=nobody
        chown "$user" "$dir"
        as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
    fi
}

# run_in COMMAND…: becomes it, in the folder, as its owner; to be called in a subshell.
run_in() {
    cd "$dir" && exec ${as[@]+"${as[@]}"} "$@"
}

# init_cluster DATA
init_cluster() {
    (run_in "$bin/initdb" -D "$1" -U postgres -A trust -E UTF8 --locale=C --no-sync) >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2; return 1; }
}

# start_cluster DATA PORT OPTION…: starts a server, sets `server_pid`, and waits until it answers on a socket in the folder.
start_cluster() {
    local data=$1 port=$2
    shift 2
    run_in "$bin/postgres" -D "$data" -k "$dir" -p "$port" -c listen_addresses='' -c max_connections=400 -c fsync=off \
        -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=256MB "$@" >>"$data/server.log" 2>&1 &
    server_pid=$!
    for _ in $(seq 100); do
        "$bin/pg_isready" -q -h "$dir" -p "$port" -U postgres && return
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$data/server.log" >&2
    return 1
}
