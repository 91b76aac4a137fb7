#!/usr/bin/env bash
# Runs a command with TEST_DATABASE_URL set: as it is, or to a private PostgreSQL that is started here from installed
# programs, listens on a socket in a temporary folder, and is stopped and deleted when the command ends. It is quick and would not
# survive a crash; POSTGRES_OPTIONS are options of `postgres` that override these.
set -euo pipefail
# shellcheck source=tests/postgres.sh
source "$(dirname "$0")/postgres.sh"

if [ -n "${TEST_DATABASE_URL:-}" ]; then
    server="the PostgreSQL of TEST_DATABASE_URL"
    status=0
    "$@" || status=$?
else
    need_postgres
    make_folder
    server_pid=
    stop() {
        [ -z "$server_pid" ] || { kill -INT "$server_pid" 2>/dev/null && wait "$server_pid" 2>/dev/null; } || true
        rm -rf "$dir"
    }
    trap stop EXIT
    trap 'exit 130' INT TERM
    init_cluster "$dir/data"
    # shellcheck disable=SC2086
    start_cluster "$dir/data" 5432 ${POSTGRES_OPTIONS:-}
    export TEST_DATABASE_URL="postgres:///postgres?host=$dir&user=postgres"
    server="a private $("$bin/postgres" --version)"
    status=0
    "$@" || status=$?
fi

echo
[ "$status" = 0 ] || echo "FAILED; what failed is above."
echo "Ran against: SQLite (bundled, one database a test); $server (one database a test); SMTP sinks on loopback."
exit "$status"
