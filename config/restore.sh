#!/usr/bin/env bash
# Puts a backup that backup.sh made where there is nothing yet: into an empty database and an empty directory of documents.
#
#   DATABASE_URL=postgres://… JOBPORTAL_FILES__DIR=/var/lib/jobportal/files config/restore.sh /backups/20260131T120000Z
#
# Then start the portal with the auth.jwt_secret of old; it brings an older database up to date. Mails that were sent after the backup wait in
# its outbox again: `jobportal outbox purge` and README.md say what to do about them.
set -euo pipefail
umask 077

if [ $# != 1 ] || [ ! -d "$1" ]; then sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 2; fi
url=${DATABASE_URL:-sqlite://var/jobportal.db}
files=${JOBPORTAL_FILES__DIR:-var/files}

(cd "$1" && sha256sum --quiet --check SHA256SUMS) || { echo "The backup is damaged; nothing was restored." >&2 && exit 1; }
if [ -n "$(ls -A "$files" 2>/dev/null)" ]; then
    echo "There is something at $files already (JOBPORTAL_FILES__DIR); nothing was restored." >&2 && exit 1
fi
case $url in
postgres://* | postgresql://*)
    [ -f "$1/database.dump" ] || { echo "This is no backup of a PostgreSQL database." >&2 && exit 1; }
    tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$url" \
        --command="SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
    [ "$tables" = 0 ] || { echo "The database of DATABASE_URL has tables already; nothing was restored." >&2 && exit 1; }
    # All of it or nothing.
    pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$url" "$1/database.dump"
    # The planner knows nothing of the tables otherwise.
    psql --no-psqlrc --quiet --dbname="$url" --command=ANALYZE
    ;;
sqlite:*)
    [ -f "$1/database.sqlite" ] || { echo "This is no backup of a SQLite database." >&2 && exit 1; }
    path=${url#sqlite:} path=${path#//}
    [ ! -e "$path" ] || { echo "There is a database at $path already (DATABASE_URL); nothing was restored." >&2 && exit 1; }
    mkdir -p "$(dirname "$path")"
    cp "$1/database.sqlite" "$path.restored" && sync "$path.restored" && mv "$path.restored" "$path"
    ;;
*)
    echo "DATABASE_URL is neither postgres:// nor sqlite://." >&2 && exit 1
    ;;
esac
mkdir -p "$files"
cp -Rp "$1/files/." "$files/"
echo "Restored $1."
