#!/usr/bin/env bash
# The backup drill, on both databases: a portal is filled, and backed up while others write to it; the backup is put elsewhere, a portal is
# started on it, and it must hold all that was answered as done before the backup began, whole, and work.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${TEST_DATABASE_URL:-}" ] || exec tests/with-postgres.sh tests/backup.sh
# shellcheck source=tests/portal.sh
. tests/portal.sh
command -v sqlite3 >/dev/null || not_run "backup needs sqlite3"
# PostgreSQL's programs, where Debian puts those of the server.
PATH=$PATH:$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -rV | head -n 1)
command -v pg_dump >/dev/null || not_run "backup needs pg_dump"
build_portal

database=jobportal_backup_$$
run_sql() { psql --no-psqlrc -qAt -d "$TEST_DATABASE_URL" -c "$1"; }
url_of() { sed "s|///postgres|///$1|; s|\(//[^/]*\)/[^/?]*|\1/$1|" <<<"$TEST_DATABASE_URL"; }
trap 'clean_up; run_sql "DROP DATABASE IF EXISTS $database WITH (FORCE)"; run_sql "DROP DATABASE IF EXISTS ${database}_restored WITH (FORCE)"' EXIT

# The settings of `portal`, with another database and other documents.
use() {
    local i
    for i in "${!portal[@]}"; do
        case ${portal[i]} in
        DATABASE_URL=*) portal[i]=DATABASE_URL=$1 ;;
        JOBPORTAL_FILES__DIR=*) portal[i]=JOBPORTAL_FILES__DIR=$2 ;;
        esac
    done
}

stop_portal() {
    kill "${children[-1]}"
    wait "${children[-1]}"
    unset 'children[-1]'
}

total() { call /job/search/ "" "$CARL" GET | value total_jobs; }

refused() {
    if "$@" >"$work/refused" 2>&1; then
        cat "$work/refused" >&2
        echo "was not refused: $*" >&2
        return 1
    fi
}

post_job() {
    call /job/manage/ "{\"title\":\"$1\",\"description\":\"d\",\"job_type\":\"Private\",\"job_subtype\":\"Full-time\",
        \"experience_level\":\"Mid\",\"company_name\":\"C\",\"location\":\"Dhaka\",\"deadline\":\"2099-12-31T23:59:59\"}" "$ERIN" | value id
}

drill() { # NAME URL RESTORED_URL
    echo "-- $1"
    local files=$work/$1-files restored=$work/$1-restored backups=$work/$1-backups backup writer first last before kept status
    use "$2" "$files"
    "${portal[@]}" seed --employers 5 --candidates 20 --jobs 200 --applications 100 >/dev/null
    start_portal
    register erin@example.com 01711111111 employer
    register carl@example.com 01722222222 candidate
    ERIN=$(sign_in erin@example.com) CARL=$(sign_in carl@example.com)
    printf '%%PDF-1.7\nresume of %s' "$1" >"$work/cv.pdf"
    resume=$(curl -sS --fail-with-body -H "Authorization: Bearer $CARL" -F resume=@"$work/cv.pdf" -X POST "$API/candidate/profile/" |
        grep -o '/documents/resumes/[^"]*')
    first=$(post_job before)
    before=$(total)

    # Writes go on while it is backed up.
    touch "$work/go-on"
    (while [ -e "$work/go-on" ]; do post_job meanwhile && echo; done >"$work/meanwhile") &
    writer=$!
    backup=$(DATABASE_URL=$2 JOBPORTAL_FILES__DIR=$files config/backup.sh "$backups")
    rm "$work/go-on"
    wait "$writer"
    [ -s "$work/meanwhile" ]
    last=$(post_job after)
    stop_portal

    # A damaged backup, and a place where there is something, are refused.
    cp -R "$backup" "$work/$1-damaged" && printf x >>"$(ls "$work/$1-damaged"/database.*)"
    refused env DATABASE_URL="$3" JOBPORTAL_FILES__DIR="$restored" config/restore.sh "$work/$1-damaged"
    refused env DATABASE_URL="$2" JOBPORTAL_FILES__DIR="$restored" config/restore.sh "$backup"
    refused env DATABASE_URL="$3" JOBPORTAL_FILES__DIR="$files" config/restore.sh "$backup"
    [ ! -e "$restored" ]

    DATABASE_URL=$3 JOBPORTAL_FILES__DIR=$restored config/restore.sh "$backup" >/dev/null
    use "$3" "$restored"
    "${portal[@]}" check >/dev/null
    start_portal
    # Sessions outlive it, as the secret is the same.
    call "/job/$first/" "" "$ERIN" GET | grep -q '"title":"before"'
    refused call "/job/$last/" "" "$ERIN" GET
    curl -sS --fail-with-body -H "Authorization: Bearer $CARL" "$API$resume" | cmp - "$work/cv.pdf"
    CARL=$(sign_in carl@example.com)
    # All from before it began, and of those meanwhile the ones before its moment; not one between them is missing.
    kept=$(($(total) - before))
    [ "$kept" -ge 0 ]
    [ "$kept" -le "$(wc -l <"$work/meanwhile")" ]
    local number=0 job
    while read -r job; do
        number=$((number + 1))
        status=$(curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $CARL" "$API/job/$job/")
        [ "$status" = "$([ "$number" -le "$kept" ] && echo 200 || echo 404)" ]
    done < <(sort -n "$work/meanwhile")
    # It is written to as ever.
    [ "$(post_job again)" -gt "$first" ]
    call "/application/$first/" '{}' "$CARL" >/dev/null
    stop_portal
    echo "   $kept of $(wc -l <"$work/meanwhile") jobs that came meanwhile are in the backup"
}

drill sqlite "sqlite://$work/portal.db" "sqlite://$work/restored/portal.db"
run_sql "CREATE DATABASE $database"
run_sql "CREATE DATABASE ${database}_restored"
drill postgres "$(url_of "$database")" "$(url_of "${database}_restored")"
