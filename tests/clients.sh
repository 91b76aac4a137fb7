#!/usr/bin/env bash
# Generates clients in TypeScript and in Python from the OpenAPI document of a portal, checks their types strictly, and goes the
# journey of the README with each of them. The generated code stays below target/clients/ to be looked at.
set -euo pipefail
# shellcheck source=tests/portal.sh
. "$(dirname "$0")/portal.sh"
need_python "the test of generated clients"
need_node "the test of generated clients"
python_tools=$(python_tools clients)
node_tools=$(node_tools clients)
build_portal
start_portal
export API

clients=$(realpath "$TARGET")/clients
rm -rf "$clients"
mkdir -p "$clients/typescript" "$clients/python"
curl -sSf "$API/openapi.json" -o "$clients/openapi.json"

echo "The TypeScript client:"
cp tests/clients/{journey.ts,tsconfig.json,openapi-ts.config.mjs,package.json} "$clients/typescript"
ln -s "$(realpath "$node_tools")/node_modules" "$clients/typescript/node_modules"
(
    cd "$clients/typescript"
    node_modules/.bin/openapi-ts --silent
    node_modules/.bin/tsc --project .
    node built/journey.js
)

echo "The Python client:"
cp tests/clients/{journey.py,mypy.ini,openapi-python-client.yaml} "$clients/python"
PATH=$(realpath "$python_tools/bin"):$PATH
(
    cd "$clients/python"
    openapi-python-client generate --config openapi-python-client.yaml --fail-on-warning --meta none --path ../openapi.json --output-path jobportal_client
    mypy --no-error-summary journey.py jobportal_client
    python journey.py
)
