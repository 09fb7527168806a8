#!/usr/bin/env bash
# The main job by curl, against a Radicale with the sample calendars of eng/demo. Everything lives in a temporary folder and goes with it.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d /tmp/lockstep-demo-XXXXXX)
chmod 755 "$work"
port=$(( 20000 + RANDOM % 20000 ))
dav="http://127.0.0.1:$((port + 1))"
url="http://127.0.0.1:$port"

command -v radicale >/dev/null || { echo "The demo needs a CalDAV server: apt-get install -y --no-install-recommends radicale" >&2; exit 1; }
stop() {
  if [ -n "${serve:-}" ]; then kill "$serve" 2>/dev/null || true; wait "$serve" 2>/dev/null || true; fi
  if [ -n "${radicale:-}" ]; then kill "$radicale" 2>/dev/null || true; wait "$radicale" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap stop EXIT

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
# The first member of this name, without a JSON tool.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }
call() { # METHOD PATH [BODY]
  local method=$1 path=$2 body=${3:-}
  say "curl -X $method $path${body:+ -d '${body//demo-password/***}'}"
  last=$(curl -sS --fail-with-body -X "$method" "$url$path" -H "Authorization: Bearer $token" ${body:+-H 'Content-Type: application/json' -d "$body"}) || { echo "$last"; exit 1; }
  printf '%s\n' "$last" | cut -c1-600
  case $path in *sync?wait*) case $last in *'"error":null'*) ;; *) echo "The sync failed." >&2; exit 1 ;; esac ;; esac
}

# A CalDAV server with a calendar in it.
printf 'you:demo-password\n' >"$work/users"
printf '[server]\nhosts=127.0.0.1:%s\n[auth]\ntype=htpasswd\nhtpasswd_filename=%s\nhtpasswd_encryption=plain\n[storage]\nfilesystem_folder=%s\n[rights]\ntype=owner_only\n' \
  "$((port + 1))" "$work/users" "$work/collections" >"$work/radicale.conf"
radicale --config "$work/radicale.conf" >"$work/radicale.log" 2>&1 &
radicale=$!
for _ in $(seq 100); do curl -s -o /dev/null "$dav/" && break; sleep 0.1; done
curl -sS -u you:demo-password -X MKCALENDAR "$dav/you/work/" -d '<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop><D:displayname>Work</D:displayname></D:prop></D:set></C:mkcalendar>'
for file in "$here"/eng/demo/*.ics; do
  curl -sS -o /dev/null -u you:demo-password -X PUT -H 'Content-Type: text/calendar' --data-binary "@$file" "$dav/you/work/$(basename "$file")"
done

say "./lockstep serve"
LOCKSTEP_OUTBOUND_ALLOW="127.0.0.1:$((port + 1))" "$here/lockstep" serve --urls "$url" --data-dir "$work/data" >"$work/serve.log" 2>&1 &
serve=$!
for _ in $(seq 1200); do
  curl -sf -o /dev/null "$url/health/ready" && break
  kill -0 "$serve" 2>/dev/null || { cat "$work/serve.log"; exit 1; }
  sleep 0.1
done
head -n 12 "$work/serve.log"

say 'TOKEN=$(./lockstep token --user you@example.com)'
token=$("$here/lockstep" token --user you@example.com --data-dir "$work/data")
echo "${token:0:20}..."

call POST /v1/credentials '{"name":"mail","provider":"example","type":"API_KEY","value":"demo-key-0123456789"}'
credential=$(printf '%s' "$last" | member id)
call POST "/v1/credentials/$credential/reveal" '{"purpose":"to show it once"}'
call POST /v1/caldav/discover "{\"url\":\"$dav/\",\"username\":\"you\",\"password\":\"demo-password\"}"
call POST /v1/integrations "{\"integrationType\":\"caldav\",\"label\":\"Work\",\"config\":{\"url\":\"$dav/\",\"username\":\"you\"},\"secret\":\"demo-password\"}"
integration=$(printf '%s' "$last" | member id)
call POST "/v1/integrations/$integration/sync?wait=30"
call GET '/v1/events?from=2026-12-01T00:00:00Z&to=2026-12-03T00:00:00Z&expand=true'
call POST /v1/events '{"summary":"Made here","start":{"dateTime":"2026-12-07T15:00:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-12-07T16:00:00","timeZone":"Europe/Berlin"}}'
call POST "/v1/integrations/$integration/sync?wait=30"
say "what Radicale has now"
curl -sS -u you:demo-password "$dav/you/work/" | grep -a '^SUMMARY' | sort
call GET '/sync/calendar/pull?collection=events&since=1970-01-01T00:00:00Z'
call PUT /v1/provider '{"publicSlug":"you","isPublic":true,"timezone":"Europe/Berlin","settings":{"profile":{"name":"Ada Example"},"workingHours":{"days":[1,2,3,4,5],"start":"09:00","end":"17:00"},"whatsapp":{"enabled":true,"phoneE164":"+4915112345678","messageTemplate":"Hello, is {date} at {time} free?"},"calendar":{"selectedCalendarIds":[]}}}'
say "curl $url/c/you/slots?days=3"
curl -sS "$url/c/you/slots?days=3" | cut -c1-400
echo
say "curl $url/c/you   (the page; open it in a browser)"
curl -sS -o "$work/page.html" -w '%{http_code} %{content_type} %{size_download} bytes\n' "$url/c/you"
grep -o 'https://wa.me/[^"]*' "$work/page.html" | head -n 1
if [ "${1:-}" = --stay ]; then
  say "Lockstep stays at $url until you press Ctrl-C; the token is in \$TOKEN"
  echo "TOKEN=$token"
  trap 'stop; exit 0' INT TERM
  wait "$serve"
fi
