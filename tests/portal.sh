# shellcheck shell=bash
# What the suites beside this file share: tools below target/, a portal that runs for one suite, accounts in it.
# To be sourced by a bash script with `set -euo pipefail`; it changes to the root of the repository.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
TARGET=${CARGO_TARGET_DIR:-target}
TOOLS=$TARGET/tools
PASSWORD='kerosene lamp 9'

work=$(mktemp -d "${TMPDIR:-/tmp}/jobportal-suite.XXXXXX")
children=()
clean_up() {
    local child
    # A second signal would leave something behind.
    trap '' INT TERM
    # The last one started is the first to end, so that nobody is left talking to a server that is gone.
    for ((child = ${#children[@]} - 1; child >= 0; child--)); do
        kill "${children[child]}" 2>/dev/null || true
        wait "${children[child]}" 2>/dev/null || true
    done
    children=()
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Ends a suite that a missing tool keeps from running; `tests/suites.sh` decides what that means.
not_run() {
    echo "NOT RUN: $*"
    exit 77
}

need_python() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || not_run "$1 needs Python 3.11 or newer"
    python3 -c 'import ensurepip, venv' 2>/dev/null || not_run "$1 needs Python's venv (Debian: python3-venv)"
}

need_node() {
    local works='const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)'
    node -e "$works" 2>/dev/null || not_run "$1 needs Node.js 20.19 or newer"
    command -v npm >/dev/null || not_run "$1 needs npm"
}

# The packages of a folder's requirements.txt in a virtual environment of the folder's name, whose path is printed. It is made anew
# only when the requirements have changed.
python_tools() {
    local tools=$TOOLS/python-$1 wanted=tests/$1/requirements.txt
    if ! cmp -s "$wanted" "$tools/requirements.txt"; then
        rm -rf "$tools"
        python3 -m venv "$tools"
        "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2
        cp "$wanted" "$tools/requirements.txt"
    fi
    echo "$tools"
}

# The same for the package.json and the lock file of a folder.
node_tools() {
    local tools=$TOOLS/node-$1 wanted=tests/$1/package-lock.json
    if ! cmp -s "$wanted" "$tools/installed.json"; then
        rm -rf "$tools"
        mkdir -p "$tools"
        cp "tests/$1/package.json" "$wanted" "$tools"
        npm ci --prefix "$tools" --silent --no-audit --no-fund --ignore-scripts >&2
        cp "$wanted" "$tools/installed.json"
    fi
    echo "$tools"
}

build_portal() {
    local libpq=bundled
    ! pkg-config --exists libpq 2>/dev/null || libpq=system-libpq
    # The Makefile says which features it built the rest with; another choice would build everything twice.
    # shellcheck disable=SC2086
    ${CARGO:-cargo} build --quiet -p jobportal ${FEATURES:---no-default-features --features $libpq}
}

# The binary with settings of this suite alone, whatever the environment says: everything in one temporary folder, cheap passwords,
# codes in the answer. actix_http would log each request that is no HTTP.
portal=(
    env -i PATH="$PATH" JOBPORTAL_PROFILE=development DATABASE_URL="sqlite://$work/portal.db" JOBPORTAL_FILES__DIR="$work/files"
    JOBPORTAL_MAIL__URL="file:$work/mail" JOBPORTAL_MAIL__PRINT=false JOBPORTAL_AUTH__BCRYPT_COST=4
    JOBPORTAL_LOG__FILTER="warn,actix_http=off" JOBPORTAL_SUPERUSER_PASSWORD="$PASSWORD" "$TARGET/debug/jobportal"
)

# Starts the portal on a free port. Sets API to its address; its log is $work/portal.log.
start_portal() {
    "${portal[@]}" serve --listen 127.0.0.1:0 >"$work/welcome" 2>"$work/portal.log" &
    children+=($!)
    for _ in $(seq 300); do
        API=$(sed -n 's|^The job portal is ready: \(http://[^/]*\)/$|\1|p' "$work/welcome")
        [ -z "$API" ] || return 0
        kill -0 "${children[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    echo "The portal did not start:" >&2
    cat "$work/welcome" "$work/portal.log" >&2
    return 1
}

# Sends JSON (PATH [JSON [TOKEN [METHOD]]]) and prints the answer; an answer that is no success ends the suite.
call() {
    curl -sS --fail-with-body -X "${4:-POST}" -H 'Content-Type: application/json' ${3:+-H "Authorization: Bearer $3"} \
        ${2:+-d "$2"} "$API$1" || { echo " is what $1 answers" >&2 && return 1; }
}

# The value of a key in the JSON of standard input, where it stands only once.
value() { sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p"; }

# Makes an account that can sign in: EMAIL NUMBER TYPE.
register() {
    local otp
    otp=$(call /account/register/ "{\"email\":\"$1\",\"contract_number\":\"$2\",\"user_type\":\"$3\",\"password\":\"$PASSWORD\"}" | value otp)
    call /account/verify_otp/ "{\"email\":\"$1\",\"otp\":\"$otp\"}" >/dev/null
}

# Prints a new access token of an account.
sign_in() {
    call /account/login/ "{\"email_or_phone\":\"$1\",\"password\":\"$PASSWORD\"}" | value access_token
}
