#!/usr/bin/env bash
# Measures the portal over HTTP, each row beside its limit, and writes BENCHMARKS.md. To be chosen by the environment:
#   SIZES="10000 100000 1000000"  numbers of jobs
#   ENGINES="PostgreSQL SQLite"
#   ROWS=text                     only rows with this in their name; the report is then target/bench.md
#   ROUNDS=3, SECONDS_A_ROUND=2   how often, and how long, to measure a row and its limit in turns
#   CONNECTIONS=64                of the load
# PostgreSQL is started as for the tests, but so that its data would survive a crash.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for tool in wrk psql pgbench; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || missing+=("Python 3.10 or newer")
if [ ${#missing[@]} -gt 0 ]; then
    (IFS=, && echo "The benchmarks need what is missing here: ${missing[*]}.") >&2
    echo "Debian and Ubuntu: apt-get install wrk postgresql python3" >&2
    exit 1
fi

export SIZES=${SIZES:-10000 100000 1000000} ENGINES=${ENGINES:-PostgreSQL SQLite} ROWS=${ROWS:-}
export ROUNDS=${ROUNDS:-3} SECONDS_A_ROUND=${SECONDS_A_ROUND:-2} CONNECTIONS=${CONNECTIONS:-64}
POSTGRES_OPTIONS="-c fsync=on -c synchronous_commit=on -c full_page_writes=on -c shared_buffers=1GB -c max_wal_size=4GB"
# What the portal sets on its connections, so that the limits have it too.
POSTGRES_OPTIONS+=" -c work_mem=32MB -c jit=off"
export POSTGRES_OPTIONS+=" -c maintenance_work_mem=512MB"
libpq=bundled
! pkg-config --exists libpq 2>/dev/null || libpq=system-libpq
# shellcheck disable=SC2086
${CARGO:-cargo} build --release -p jobportal -p jobportal-bench ${FEATURES:---no-default-features --features $libpq}
exec env -u TEST_DATABASE_URL tests/with-postgres.sh python3 -B tests/bench/bench.py
