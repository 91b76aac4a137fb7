#!/usr/bin/env bash
# Runs a command with TEST_DATABASE_URL set: as it is, or to a private PostgreSQL that is started here from installed
# programs, listens on a socket in a temporary folder, and is stopped and deleted when the command ends. It is quick and would not
# survive a crash; POSTGRES_OPTIONS are options of `postgres` that override these.
set -euo pipefail

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

install_postgres() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing PostgreSQL with apt-get …" >&2
    apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends postgresql >&2
}

if [ -n "${TEST_DATABASE_URL:-}" ]; then
    server="the PostgreSQL of TEST_DATABASE_URL"
    status=0
    "$@" || status=$?
else
    bin=$(find_bin) || { install_postgres && bin=$(find_bin); } || {
        cat >&2 <<'MESSAGE'
The tests need a PostgreSQL server (13 or newer), and none is installed. Either
  - install one: Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server;
    macOS: brew install postgresql. It need not run: the tests start a private one.
  - or set TEST_DATABASE_URL to a server where they may make databases,
    such as postgres://user:password@localhost/postgres.
MESSAGE
        exit 1
    }
    dir=$(mktemp -d "${TMPDIR:-/tmp}/jobportal-pg.XXXXXX")
    as=()
    if [ "$(id -u)" = 0 ]; then
        # PostgreSQL refuses to run as root.
        user=postgres
        id "$user" >/dev/null 2>&1 || user=nobody
        chown "$user" "$dir"
        as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
    fi
    pid=
    stop() {
        [ -z "$pid" ] || { kill -INT "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
        rm -rf "$dir"
    }
    trap stop EXIT
    trap 'exit 130' INT TERM
    cd_back=$PWD
    cd "$dir"
    ${as[@]+"${as[@]}"} "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2; exit 1; }
    # shellcheck disable=SC2086
    ${as[@]+"${as[@]}"} "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses='' -c max_connections=400 -c fsync=off \
        -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=256MB \
        ${POSTGRES_OPTIONS:-} >"$dir/data/server.log" 2>&1 &
    pid=$!
    cd "$cd_back"
    for _ in $(seq 100); do
        "$bin/pg_isready" -q -h "$dir" -U postgres && break
        kill -0 "$pid" 2>/dev/null || { cat "$dir/data/server.log" >&2; exit 1; }
        sleep 0.1
    done
    export TEST_DATABASE_URL="postgres:///postgres?host=$dir&user=postgres"
    server="a private $("$bin/postgres" --version)"
    status=0
    "$@" || status=$?
fi

echo
[ "$status" = 0 ] || echo "FAILED; what failed is above."
echo "Ran against: SQLite (bundled, one database a test); $server (one database a test); SMTP sinks on loopback."
exit "$status"
