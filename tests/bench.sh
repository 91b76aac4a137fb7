#!/usr/bin/env bash
# Measures the portal over HTTP, each row beside its limit, and writes BENCHMARKS.md. Settings, by environment:
# SIZES="10000 100000 1000000" (jobs), ENGINES="PostgreSQL SQLite", ROWS=text (only rows with this in their name), ROUNDS=3,
# SECONDS_A_ROUND=2, CONNECTIONS=64. PostgreSQL is started as for the tests, but with data that would survive a crash.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for tool in wrk psql pgbench curl python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "The benchmarks need ${missing[*]}. Debian and Ubuntu: apt-get install wrk postgresql-client postgresql-contrib python3" >&2
    exit 1
fi

export SIZES=${SIZES:-10000 100000 1000000} ENGINES=${ENGINES:-PostgreSQL SQLite} ROWS=${ROWS:-}
export ROUNDS=${ROUNDS:-3} SECONDS_A_ROUND=${SECONDS_A_ROUND:-2} CONNECTIONS=${CONNECTIONS:-64}
# shellcheck disable=SC2086
${CARGO:-cargo} build --release -p jobportal -p jobportal-bench ${FEATURES:-}
POSTGRES_OPTIONS="-c fsync=on -c synchronous_commit=on -c full_page_writes=on -c shared_buffers=1GB -c max_wal_size=4GB" \
    tests/with-postgres.sh python3 tests/bench/bench.py
