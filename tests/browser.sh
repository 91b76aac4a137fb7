#!/usr/bin/env bash
# The page /docs/ in a real browser. With `--screenshot FILE` it also takes the picture of it that the README shows.
set -euo pipefail
case ${1:-} in
    "") ;;
    --screenshot) SCREENSHOT=$(realpath "${2:?--screenshot needs a file}") && export SCREENSHOT ;;
    *) echo "usage: $0 [--screenshot FILE]" >&2 && exit 2 ;;
esac
source "$(dirname "$0")/portal.sh"

need_node "the test of the documentation page"
for browser in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    CHROMIUM=$(command -v "$browser") && break
done
[ -n "$CHROMIUM" ] || not_run "the test of the documentation page needs Chromium (Debian: chromium); CHROMIUM names another one"
tools=$(node_tools browser)
build_portal
start_portal
API=$API CHROMIUM=$CHROMIUM PACKAGES=$(realpath "$tools")/ node --test tests/browser/docs.test.mjs
