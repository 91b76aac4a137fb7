#!/usr/bin/env bash
# Runs the suites beside this file that it is given the names of, and tells at the end which of them did not run for want of a tool.
# With REQUIRE_ALL=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")"

failed=() skipped=()
for suite in "$@"; do
    echo "== $suite"
    status=0
    output=$(mktemp)
    "./$suite.sh" 2>&1 | tee "$output" || status=$?
    case $status in
    0) ;;
    77) skipped+=("$(tail -n 1 "$output")") ;;
    *) failed+=("$suite") ;;
    esac
    rm -f "$output"
done

echo
[ ${#skipped[@]} = 0 ] || printf '%s\n' "${skipped[@]}"
[ ${#failed[@]} = 0 ] || printf 'FAILED: tests/%s.sh; what failed is above.\n' "${failed[@]}"
[ ${#failed[@]} = 0 ] && { [ ${#skipped[@]} = 0 ] || [ "${REQUIRE_ALL:-}" != 1 ]; }
