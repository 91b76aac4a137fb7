#!/usr/bin/env bash
# Runs a command with the addresses of a private PostgreSQL primary (TEST_DATABASE_URL), of a streaming replica of it (TEST_REPLICA_URL) and of
# a PgBouncer in transaction mode before the primary (TEST_POOLER_URL). All are started here, and stopped and deleted when the command ends.
set -euo pipefail
# shellcheck source=tests/postgres.sh
source "$(dirname "$0")/postgres.sh"

need_postgres
command -v pgbouncer >/dev/null || install_packages pgbouncer ||
    { echo "PgBouncer is missing; Debian and Ubuntu: apt-get install pgbouncer" >&2; exit 1; }
make_folder
pids=()
stop() {
    [ ${#pids[@]} = 0 ] || { kill -INT "${pids[@]}" 2>/dev/null && wait "${pids[@]}" 2>/dev/null; } || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

init_cluster "$dir/primary"
start_cluster "$dir/primary" 5432
pids+=("$server_pid")
(run_in "$bin/pg_basebackup" -h "$dir" -U postgres -D "$dir/replica" -R -X stream -c fast --no-sync)
start_cluster "$dir/replica" 5433
pids+=("$server_pid")

cat >"$dir/pgbouncer.ini" <<CONFIG
[databases]
* = host=$dir port=5432 user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = $dir
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
CONFIG
run_in "$(command -v pgbouncer)" -q "$dir/pgbouncer.ini" >"$dir/pgbouncer.log" 2>&1 &
pids+=($!)

address() { echo "postgres:///postgres?host=$dir&port=$1&user=postgres"; }
export TEST_DATABASE_URL TEST_REPLICA_URL TEST_POOLER_URL
TEST_DATABASE_URL=$(address 5432) TEST_REPLICA_URL=$(address 5433) TEST_POOLER_URL=$(address 6432)
status=0
"$@" || status=$?
echo "Ran against: a private $("$bin/postgres" --version), a streaming replica of it, and $(pgbouncer --version | head -1)."
exit "$status"
