#!/usr/bin/env bats
# Who is told what, and how often; see host/lib/alert.bash. What a receiver sees is tested on a host.

load support/host

setup() {
  new_host
  RUN="$ROOT/run/pulumi-systemd-ha-shop"
  # What was posted: a file each, the URL first. It answers otherwise as often as $ROOT/refuse has lines: a status, or `timeout`.
  mkdir -p "$ROOT/bin" "$ROOT/posted"
  cat >"$ROOT/bin/curl" <<'END'
#!/bin/bash
printf 'curl %s\n' "$*" >>"$ROOT/calls"
if [[ -s "$ROOT/refuse" ]]; then
  how="$(head -n 1 "$ROOT/refuse")"
  sed -i 1d "$ROOT/refuse"
  case "$how" in
    timeout) echo "curl: (28) Operation timed out" >&2 && exit 28 ;;
    *) printf %s "$how" && exit ;;
  esac
fi
printf 200
to="$ROOT/posted/$(find "$ROOT/posted" -type f | wc -l)"
cat >"$to"
while (($#)); do
  [[ "$1" != --data-binary ]] || if [[ "$2" == @* ]]; then cat "${2#@}" >>"$to"; else printf '%s\n' "$2" >>"$to"; fi
  shift
done
END
  printf '#!/bin/bash\nprintf "sendmail %%s\\n" "$*" >>"$ROOT/calls"\ncat >>"$ROOT/mail"\n' >"$ROOT/bin/sendmail"
  chmod 0755 "$ROOT/bin/curl" "$ROOT/bin/sendmail"
  PATH="$ROOT/bin:$PATH"
  { unit_row shop.service && setting_row alertAgainAfterSec 600; } | settle
  mkdir -p "$ROOT/etc/pulumi-systemd-ha"
  tell 'WEBHOOK_URL="https://hooks.example/T0?k=\$N"'
  : >"$ROOT/calls"
}

tell() { printf '%s\n' "# who" "$@" >"$ROOT/etc/pulumi-systemd-ha/shop.alerts"; }
# event NAME UNIT SENTENCE: as the health check puts it down.
event() {
  mkdir -p "$RUN/alerts"
  "$REAL_SLEEP" 0.001
  printf '%s\t%s\t%s\n' "$@" >"$RUN/alerts/${EPOCHREALTIME//[^0-9]/}.event"
}
alert() { helper alert shop "$@" </dev/null; }
# later: long enough after the last attempt for the next one.
later() { find "$RUN/alerts" -type f -exec touch -d '10 minutes ago' {} +; }
posted() { cat "$ROOT/posted/${1:-0}"; }
count_posted() { find "$ROOT/posted" -type f | wc -l; }
# at SECONDS: what is known of has happened so long ago.
at() { sed -i "s/^[0-9]*/$((EPOCHSECONDS - $1))/" "$SERVICE_DIR/alerted"; }

@test "a webhook gets JSON whose text says all; its URL is in no process list" {
  event repaired shop.service 'it "was" down, C:\new'$'\e[31m'
  alert
  equal "$(posted | head -n 1)" 'url = "https://hooks.example/T0?k=$N"'
  local host
  host="$(</proc/sys/kernel/hostname)"
  equal "$(posted | sed '1d; s/"time":"[^"]*"/"time":"T"/; s/"id":"[^"]*"/"id":"ID"/')" "{\"version\":1,\"id\":\"ID\",\"text\":\"shop on $host: it \\\"was\\\" down, C:\\\\new[31m\",\"service\":\"shop\",\"host\":\"$host\",\"event\":\"repaired\",\"unit\":\"shop.service\",\"message\":\"it \\\"was\\\" down, C:\\\\new[31m\",\"time\":\"T\"}"
  posted | sed 1d | node -e 'JSON.parse(require("fs").readFileSync(0))'
  equal "$(calls hooks.example)" ""
  has "$(calls curl)" "--max-time 10 --output"
  equal "$(ls "$RUN/alerts")" ""
}

@test "what isn't text of Unicode makes no broken JSON" {
  event repaired shop.service $'\xff\xfe ä'
  alert
  posted | sed 1d | node -e 'if (JSON.parse(require("fs").readFileSync(0)).message !== " ä") process.exit(1)'
}

@test "the same failure isn't told again within the time, another one is, and the same one later" {
  event exhausted shop.service first
  alert
  event exhausted shop.service again
  event exhausted apache2.service another
  alert
  equal "$(count_posted)" 2
  at 601
  event exhausted shop.service later
  alert
  equal "$(count_posted)" 3
}

@test "after a clock that was set back, it's told" {
  event exhausted shop.service first
  alert
  at -5000
  event exhausted shop.service again
  alert
  equal "$(count_posted)" 2
}

@test "a recovery is told to those who know of a failure, once; a repair was its own" {
  event recovered - "all is well"
  alert
  event repaired shop.service "it was restarted"
  event recovered - "all is well"
  alert
  equal "$(count_posted)" 1
  event external - "the site is down"
  alert
  event recovered - "all is well"
  alert
  event recovered - "all is well"
  alert
  equal "$(count_posted)" 3
  has "$(posted 2)" '"event":"recovered","unit":""'
  # The repair is still not told again.
  event repaired shop.service "it was restarted"
  alert
  equal "$(count_posted)" 3
}

@test "a webhook that fails gets it some minutes later, and nothing is told twice" {
  printf '%s\n' 500 302 404 >"$ROOT/refuse"
  event exhausted shop.service one
  run --separate-stderr alert
  equal "$status $output" "1 the webhook could not be told: HTTP status 404"
  equal "$(count_posted) $(count_calls curl)" "0 3"
  # Not at once.
  alert
  equal "$(count_calls curl)" 3
  later
  event repair-failed shop.service two
  alert
  equal "$(count_posted)" 2
  has "$(posted 0)" '"message":"one"'
  has "$(posted 1)" '"message":"two"'
}

@test "one who takes too long may have got it: he isn't asked again at once, and keeps nobody else waiting" {
  tell 'WEBHOOK_URL="https://hooks.example/T"' 'PING_URL="https://ping.example/1"' 'EMAIL="ops@shop.example"'
  event exhausted shop.service one
  event exhausted apache2.service two
  event ping-fail - "a check failed"
  printf '%s\n' timeout timeout >"$ROOT/refuse"
  run --separate-stderr alert
  equal "$status $(count_calls curl) $(count_posted) $(grep -c ^Subject "$ROOT/mail")" "1 2 0 2"
  # A ping is of its moment.
  equal "$(find "$RUN/alerts" -name '*.ping' -o -name '*.email')" ""
  later
  alert
  equal "$(count_posted)" 2
}

@test "what nobody could be told for a day is dropped" {
  echo timeout >"$ROOT/refuse"
  event exhausted shop.service one
  run alert
  mv "$RUN"/alerts/*.webhook "$RUN/alerts/$((EPOCHSECONDS - 90000))000000.webhook"
  later
  alert
  equal "$(count_posted) $(ls "$RUN/alerts")" "0 "
}

@test "an e-mail goes through the host's sendmail" {
  tell 'EMAIL="ops@shop.example"'
  event repair-failed shop.service $'it could not\tbe restarted'
  alert
  equal "$(calls sendmail)" "sendmail -t -oi"
  equal "$(head -n 2 "$ROOT/mail")" "To: ops@shop.example
Subject: shop on $(</proc/sys/kernel/hostname): repair-failed shop.service"
  has "$(cat "$ROOT/mail")" "it could not"
  equal "$(count_posted)" 0
}

@test "killed between the webhook's message and the e-mail's, the next one tells both, whole and once" {
  tell 'WEBHOOK_URL="https://hooks.example/a"' 'EMAIL="ops@shop.example"'
  event exhausted shop.service "it can't be repaired"
  printf '#!/bin/bash\n[[ "$*" != *.email ]] || pkill --signal KILL --full "bash $HELPER alert shop"\nexec /usr/bin/mv "$@"\n' >"$ROOT/bin/mv"
  chmod 0755 "$ROOT/bin/mv"
  HELPER="$HELPER" run alert
  equal "$status $(count_posted)" "137 0"
  rm "$ROOT/bin/mv"
  equal "$(find "$RUN/alerts" -name '*.event' | wc -l)" 1
  alert
  equal "$(count_posted) $(grep -c '^Subject:' "$ROOT/mail")" "1 1"
  event exhausted shop.service "it can't be repaired"
  alert
  equal "$(count_posted)" 1
}

@test "an event that a full /run cut off is no message" {
  mkdir -p "$RUN/alerts"
  printf 'exhau' >"$RUN/alerts/${EPOCHREALTIME//[^0-9]/}.event"
  alert
  equal "$(count_posted) $(find "$RUN/alerts" -name '*.event' | wc -l)" "0 0"
}

@test "a host without sendmail says so, and goes on" {
  rm "$ROOT/bin/sendmail"
  tell 'EMAIL="ops@shop.example"'
  ! type -P sendmail || skip "there is one here"
  event exhausted shop.service one
  run --separate-stderr alert
  equal "$status $output" "0 the e-mail could not be sent: this host has no sendmail"
  run --separate-stderr alert test
  equal "$status" 1
}

@test "a sendmail that goes on in the background with its output open is not waited for" {
  tell 'EMAIL="ops@shop.example"'
  printf '#!/bin/bash\ncat >/dev/null\n"$REAL_SLEEP" 20 &\n' >"$ROOT/bin/sendmail"
  SECONDS=0
  alert test
  ((SECONDS < 15))
}

@test "pings go to their URL as healthchecks.io has it, in their order, and aren't tried later" {
  tell 'PING_URL="https://ping.example/uuid"'
  event ping-start - "a check begins"
  event ping-success - "all checks passed"
  alert
  equal "$(posted 0)" 'url = "https://ping.example/uuid/start"
a check begins'
  equal "$(posted 1)" 'url = "https://ping.example/uuid"
all checks passed'
  printf '%s\n' 301 301 301 >"$ROOT/refuse"
  event ping-fail - "a check failed"
  run alert
  equal "$status" 1
  has "$output" "the ping URL could not be told"
  alert
  equal "$(count_posted)" 2
}

@test "a check that ended otherwise than by itself is told" {
  MONITOR_SERVICE_RESULT=exit-code MONITOR_EXIT_CODE=exited MONITOR_EXIT_STATUS=1 alert
  equal "$(count_posted)" 0
  MONITOR_SERVICE_RESULT=timeout MONITOR_EXIT_CODE=killed MONITOR_EXIT_STATUS=TERM alert
  has "$(posted)" '"event":"check-failed","unit":"shop-health-check.service","message":"the health check itself failed (timeout, TERM)'
  MONITOR_SERVICE_RESULT=exit-code MONITOR_EXIT_CODE=exited MONITOR_EXIT_STATUS=127 alert
  equal "$(count_posted)" 1
}

@test "a sendmail that goes on in the background doesn't keep the lock" {
  tell 'EMAIL="ops@shop.example"'
  printf '#!/bin/bash\ncat >/dev/null\n(exec "%s" 5) >/dev/null 2>&1 &\n' "$REAL_SLEEP" >"$ROOT/bin/sendmail"
  event exhausted shop.service one
  alert
  flock --nonblock "$RUN/alerts.lock" true
}

@test "a test where nobody is to be told is refused" {
  tell 'PING_URL="https://ping.example/1"'
  fails 4 alert test
  has "$stderr" "neither webhookUrl nor email"
  rm "$ROOT/etc/pulumi-systemd-ha/shop.alerts"
  fails 4 alert test
  has "$stderr" "shop has no alerts"
  fails 4 helper alert shoop test
  has "$stderr" "there is no service shoop here"
}

@test "what waits where nobody is to be told any more is dropped" {
  rm "$ROOT/etc/pulumi-systemd-ha/shop.alerts"
  event repaired shop.service one
  alert
  absent "$RUN/alerts"
  equal "$(count_posted)" 0
}

@test "a service that is named test gets a test only where one is asked for" {
  local SERVICE_DIR="${SERVICE_DIR%shop}test"
  mkdir -p "$SERVICE_DIR"
  printf '%s\n' 'WEBHOOK_URL="https://hooks.example/T"' >"$ROOT/etc/pulumi-systemd-ha/test.alerts"
  helper alert test </dev/null
  equal "$(count_posted)" 0
  helper alert test test </dev/null
  equal "$(count_posted)" 1
}

@test "a test is told to everybody, however often" {
  tell 'WEBHOOK_URL="https://hooks.example/T"' 'EMAIL="ops@shop.example"'
  alert test
  alert test
  equal "$(count_posted) $(grep -c ^Subject "$ROOT/mail")" "2 2"
}

@test "with a full disk the failures that people know of are kept until the next boot" {
  mkdir "$SERVICE_DIR/alerted.new"
  event exhausted shop.service one
  alert
  event exhausted shop.service again
  alert
  equal "$(count_posted)" 1
  absent "$SERVICE_DIR/alerted"
}

@test "without anybody to tell there is nothing to do, and nothing is kept" {
  rm "$ROOT/etc/pulumi-systemd-ha/shop.alerts"
  event exhausted shop.service one
  alert
  equal "$(count_posted)" 0
  absent "$RUN/alerts"
}

@test "another word than test is refused" {
  fails 2 alert more || [[ "$status" == 2 ]]
}
