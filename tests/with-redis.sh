#!/usr/bin/env bash
# Runs a command with TEST_REDIS_URL set: as it is, or to a private Redis that is started here from the installed program, listens on a
# socket in a temporary folder, keeps nothing, and is stopped and deleted when the command ends.
set -euo pipefail

# shellcheck source=tests/packages.sh
source "$(dirname "$0")/packages.sh"

if [ -n "${TEST_REDIS_URL:-}" ]; then
    exec "$@"
fi
command -v redis-server >/dev/null || { install_packages redis-server && command -v redis-server >/dev/null; } || {
    cat >&2 <<'MESSAGE'
The tests need Redis (6.2 or newer), and none is installed. Either
  - install it: Debian and Ubuntu: apt-get install redis-server; Fedora: dnf install redis; macOS: brew install redis.
    It need not run: the tests start a private one.
  - or set TEST_REDIS_URL to one that they may write to, such as redis://localhost/9; names there begin with "jobportal_test".
MESSAGE
    exit 1
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/jobportal-redis.XXXXXX")
pid=
stop() {
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM
redis-server --port 0 --unixsocket "$dir/socket" --dir "$dir" --save '' --appendonly no >"$dir/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
    [ -S "$dir/socket" ] && break
    kill -0 "$pid" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
    sleep 0.1
done
export TEST_REDIS_URL="unix://$dir/socket"
status=0
"$@" || status=$?
exit "$status"
