#!/usr/bin/env bash
# Holds a running portal against its own OpenAPI document with schemathesis: tests/contract.sh [ROLE…], where a role is
# anonymous, candidate, employer or admin (all four, without any). Each has a portal of its own, and sends what the document allows
# and what it forbids to every operation; tests/contract/schemathesis.toml says how much, and what is expected.
set -euo pipefail
# shellcheck source=tests/portal.sh
. "$(dirname "$0")/portal.sh"

# Sends a file (FIELD METHOD PATH NAME CONTENT TOKEN) and prints the name it got.
upload() {
    printf '%b' "$5" >"$work/$4"
    curl -sS --fail-with-body -X "$2" -H "Authorization: Bearer $6" -F "$1=@$work/$4" "$API$3" |
        sed -n 's|.*"/documents/[a-z_]*/\([^"]*\)".*|\1|p'
}

# What one role's run is about: a job with two applications of the employer that may sign in, so that ids and links lead somewhere.
furnish() {
    local email candidate job
    register employer@contract.example 01811111111 employer
    employer=$(sign_in employer@contract.example)
    job=$(call /job/manage/ '{"title": "Engineer", "description": "Build bridges.", "job_type": "Government",
        "job_subtype": "Contract", "experience_level": "Senior", "company_name": "Bridges Ltd.", "location": "Dhaka",
        "deadline": "2099-12-31T23:59:59Z"}' "$employer" | value id)
    for email in candidate other; do
        register "$email@contract.example" "0182222222${#email}" candidate
        candidate=$(sign_in "$email@contract.example")
        call "/application/$job/" '{"cover_letter": "Dear all."}' "$candidate" >/dev/null
    done
    RESUME=$(upload resume POST /candidate/profile/ resume.pdf '%PDF-1.4\n' "$candidate")
    PICTURE=$(upload profile_picture PATCH /employer/profile/ picture.png '\x89PNG\r\n\x1a\n' "$employer")
    export RESUME PICTURE
    "${portal[@]}" createsuperuser --email admin@contract.example --contract-number 01833333333 >/dev/null
}

run_role() {
    local role=$1 status=0
    start_portal
    furnish
    cp tests/contract/schemathesis.toml "$work"
    [ "$role" = anonymous ] || cat tests/contract/signed-in.toml >>"$work/schemathesis.toml"
    # A pattern in the document that takes a matcher for ever would take the test for ever, too; the alarm ends it.
    SCHEMATHESIS_HOOKS=tests/contract/hooks.py EMAIL=$role@contract.example PASSWORD=$PASSWORD \
        perl -e 'alarm shift; exec @ARGV' 900 "$tools/bin/st" --config-file "$work/schemathesis.toml" \
        run "$API/openapi.json" --url "$API" --report json --report-json-path "$REPORTS/$role.json" &
    children+=($!)
    wait "${children[-1]}" || status=$?
    # A bug may hide behind an answer that the document allows.
    if grep -E ' (WARN|ERROR) ' "$work/portal.log"; then
        echo "The portal of the role $role logged this."
        status=1
    fi
    return "$status"
}

need_python "the contract test"
tools=$(python_tools contract)
build_portal

if [ $# = 1 ]; then
    export REPORTS=${REPORTS:-$work}
    run_role "$1"
    exit
fi
[ $# != 0 ] || set -- anonymous candidate employer admin
export REPORTS=$work
status=0
for role in "$@"; do
    tests/contract.sh "$role" >"$work/$role.out" 2>&1 &
    children+=($!)
done
runs=("${children[@]}")
for role in "$@"; do
    wait "${runs[0]}" || { status=1 && cat "$work/$role.out"; }
    runs=("${runs[@]:1}")
done
(cd "$work" && python3 "$OLDPWD/tests/contract/figures.py" "${@/%/.json}")
exit "$status"
