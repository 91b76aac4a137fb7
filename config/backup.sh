#!/usr/bin/env bash
# Backs up a portal that runs: its database, as it is at one moment, and its documents.
#
#   DATABASE_URL=postgres://… JOBPORTAL_FILES__DIR=/var/lib/jobportal/files config/backup.sh /backups
#
# makes /backups/20260131T120000Z/, complete or not at all, and prints its name. Both variables are those of the portal. It needs pg_dump
# (PostgreSQL's, of the server's version or newer) or sqlite3. What it holds is as secret as the portal's data; auth.jwt_secret, without which
# second factors and codes in it can't be read, is not in it: keep that elsewhere. README.md beside this file says more.
set -euo pipefail
umask 077

[ $# = 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
url=${DATABASE_URL:-sqlite://var/jobportal.db}
files=${JOBPORTAL_FILES__DIR:-var/files}
[ -d "$files" ] || { echo "There are no documents at $files: JOBPORTAL_FILES__DIR names them." >&2 && exit 1; }

mkdir -p "$1"
name=$(date -u +%Y%m%dT%H%M%SZ)
work=$(mktemp -d "$1/.backup.XXXXXX")
trap 'rm -rf "$work" "$work.sums"' EXIT

# Documents that are there already; no file is changed once it has its name. Those whose names begin with a dot are half written.
copy_documents() {
    mkdir -p "$work/files"
    (cd "$files" && find . -type f ! -name '.*' -print0) |
        while IFS= read -r -d '' document; do
            [ ! -e "$work/files/$document" ] || continue
            mkdir -p "$work/files/$(dirname "$document")"
            # It may be deleted at this moment; then nothing refers to it.
            cp -p "$files/$document" "$work/files/$document" 2>/dev/null || rm -f "$work/files/$document"
        done
}

# Before the database and after it: so each document that it refers to is there, whether it was deleted or came meanwhile.
copy_documents
case $url in
postgres://* | postgresql://*)
    pg_dump --format=custom --no-owner --no-privileges --file="$work/database.dump" --dbname="$url"
    pg_restore --list "$work/database.dump" >/dev/null
    ;;
sqlite:*)
    path=${url#sqlite:} path=${path#//}
    [ -f "$path" ] || { echo "There is no database at $path: DATABASE_URL names it." >&2 && exit 1; }
    # One read transaction; writers go on meanwhile.
    sqlite3 -bail -cmd '.timeout 30000' "$path" "VACUUM INTO '${work//\'/\'\'}/database.sqlite'"
    [ "$(sqlite3 "$work/database.sqlite" 'PRAGMA integrity_check')" = ok ]
    ;;
*)
    echo "DATABASE_URL is neither postgres:// nor sqlite://." >&2 && exit 1
    ;;
esac
copy_documents

(cd "$work" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$work.sums"
mv "$work.sums" "$work/SHA256SUMS"
sync
mv -T "$work" "$1/$name"
trap - EXIT
echo "$1/$name"
