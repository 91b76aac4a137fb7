#!/usr/bin/env bash
# The examples below config/: each is taken by the program it is for, and two nodes behind nginx, as config/nginx.conf says, are one portal,
# which nobody sees a node leave.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${TEST_DATABASE_URL:-}" ] || exec tests/with-postgres.sh tests/proxy.sh
# shellcheck source=tests/portal.sh
. tests/portal.sh
PATH=$PATH:/usr/sbin
command -v nginx >/dev/null || not_run "proxy needs nginx"
build_portal

echo "-- the other examples"
if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/local/bin/jobportal|$PWD/$TARGET/debug/jobportal|" config/jobportal.service >"$work/jobportal.service"
    systemd-analyze verify --man=no "$work/jobportal.service" 2>"$work/verified" || true
    if grep jobportal.service "$work/verified"; then exit 1; fi
    systemd-analyze security --offline=true --threshold=20 --no-pager "$work/jobportal.service" >/dev/null
fi
if command -v promtool >/dev/null; then
    promtool check config config/prometheus.yml >/dev/null
fi
if command -v docker-compose >/dev/null; then
    JWT_SECRET=x POSTGRES_PASSWORD=x docker-compose -f config/compose.yaml config --quiet
fi

echo "-- two nodes behind nginx"
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
database=jobportal_proxy_$$
psql=$(command -v psql || find /usr/lib/postgresql -name psql | sort -rV | head -n 1)
"$psql" --no-psqlrc -q -d "$TEST_DATABASE_URL" -c "CREATE DATABASE $database"
trap 'clean_up; "$psql" --no-psqlrc -q -d "$TEST_DATABASE_URL" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"' EXIT
url=$(sed "s|///postgres|///$database|; s|\(//[^/]*\)/[^/?]*|\1/$database|" <<<"$TEST_DATABASE_URL")
portal=("${portal[@]::${#portal[@]}-1}" DATABASE_URL="$url" JOBPORTAL_SERVER__TRUSTED_PROXIES=127.0.0.1
    JOBPORTAL_CACHE__RESPONSES=false JOBPORTAL_SERVER__SHUTDOWN_DELAY=1s JOBPORTAL_SERVER__METRICS_BIND=127.0.0.1:0 "${portal[-1]}")
metrics() { sed -n 's/^  metrics *//p' "$work/welcome"; }
start_portal
node1=$API metrics1=$(metrics)
start_portal
node2=$API metrics2=$(metrics) front=$(port)

mkdir "$work/nginx"
sed "s|node1:8000|${node1#http://}|; s|node2:8000|${node2#http://}|; s|listen 80;|listen 127.0.0.1:$front;|" config/nginx.conf >"$work/nginx/site.conf"
cat >"$work/nginx/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events { worker_connections 512; }
http {
    access_log $work/nginx/access.log;
    client_body_temp_path $work/nginx; proxy_temp_path $work/nginx; fastcgi_temp_path $work/nginx;
    uwsgi_temp_path $work/nginx; scgi_temp_path $work/nginx;
    include $work/nginx/site.conf;
}
CONF
nginx -t -q -c "$work/nginx/nginx.conf"
nginx -c "$work/nginx/nginx.conf" &
children+=($!)
API=http://127.0.0.1:$front
for _ in $(seq 100); do ! curl -sSf -o /dev/null "$API/readyz" 2>/dev/null || break; sleep 0.1; done

register erin@example.com 01711111111 employer
token=$(sign_in erin@example.com)
for _ in $(seq 20); do call /account/login-user-info/ "" "$token" GET >/dev/null; done
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$API/metrics")" = 404 ]
id=$(curl -sS -D - -o /dev/null -H 'X-Request-Id: one-id' "$API/livez" | tr -d '\r' | sed -n 's/^x-request-id: //Ip')
[ "$id" = one-id ]
for metrics in "$metrics1" "$metrics2"; do
    curl -sSf "$metrics" >"$work/metrics"
    # Each has answered some of the twenty.
    [ "$(sed -n 's|^jobportal_http_requests_total{method="GET",route="/account/login-user-info",status="2xx"} ||p' "$work/metrics")" -gt 0 ]
done

# A node goes, as it does when a new version is installed, while clients call: nobody sees it.
status() { curl -sS -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $token" "$API/account/login-user-info/"; }
touch "$work/go-on"
for client in 1 2 3 4; do (while [ -e "$work/go-on" ]; do status; done >"$work/statuses.$client" 2>&1) & clients+=($!); done
sleep 0.5
kill "${children[1]}"
wait "${children[1]}"
sleep 0.5
rm "$work/go-on"
wait "${clients[@]}"
sort "$work"/statuses.* | uniq -c
[ "$(sort -u "$work"/statuses.*)" = 200 ]
