#!/usr/bin/env bash
# The portal on a primary with a streaming replica, and through PgBouncer.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC2086
exec tests/with-replica.sh ${CARGO:-cargo} test -p jobportal-tests --test replicas ${FEATURES:-}
