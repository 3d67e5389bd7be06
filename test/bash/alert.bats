#!/usr/bin/env bats
# Who is told what, and how often; see host/lib/alert.bash. What a receiver sees is tested on a host.

load support/host

setup() {
  new_host
  RUN="$ROOT/run/pulumi-systemd-ha-shop"
  # What was posted: a file each, the URL first. It fails as often as $ROOT/refuse has lines.
  mkdir -p "$ROOT/bin" "$ROOT/posted"
  cat >"$ROOT/bin/curl" <<'END'
#!/bin/bash
printf 'curl %s\n' "$*" >>"$ROOT/calls"
if [[ -s "$ROOT/refuse" ]]; then
  sed -i 1d "$ROOT/refuse"
  echo "curl: (22) The requested URL returned error: 500" >&2
  exit 22
fi
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
  printf '%s\t%s\t%s\n' "$@" >"$RUN/alerts/$(find "$RUN" -type f | wc -l)$RANDOM.event"
}
alert() { helper alert shop "$@" </dev/null; }
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
  equal "$(posted | sed '1d; s/"time":"[^"]*"/"time":"T"/')" "{\"version\":1,\"text\":\"shop on $host: it \\\"was\\\" down, C:\\\\new[31m\",\"service\":\"shop\",\"host\":\"$host\",\"event\":\"repaired\",\"unit\":\"shop.service\",\"message\":\"it \\\"was\\\" down, C:\\\\new[31m\",\"time\":\"T\"}"
  posted | sed 1d | node -e 'JSON.parse(require("fs").readFileSync(0))'
  equal "$(calls hooks.example)" ""
  has "$(calls curl)" "--max-time 10 --retry-all-errors"
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

@test "a webhook that fails gets it with the next call, and nothing is told twice" {
  printf '1\n2\n' >"$ROOT/refuse"
  event exhausted shop.service one
  run --separate-stderr alert
  equal "$status $output" "1 the webhook could not be told: curl: (22) The requested URL returned error: 500"
  equal "$(count_posted)" 0
  run alert
  equal "$status" 1
  event repair-failed shop.service two
  alert
  equal "$(count_posted)" 2
  has "$(posted 0)" '"message":"one"'
  has "$(posted 1)" '"message":"two"'
}

@test "what nobody could be told for a day is dropped" {
  echo 1 >"$ROOT/refuse"
  event exhausted shop.service one
  run alert
  find "$RUN/alerts" -type f -exec touch -d '2 days ago' {} +
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

@test "a host without sendmail says so, and goes on" {
  rm "$ROOT/bin/sendmail"
  tell 'EMAIL="ops@shop.example"'
  ! type -P sendmail || skip "there is one here"
  event exhausted shop.service one
  run --separate-stderr alert
  equal "$status $output" "0 the e-mail could not be sent: this host has no sendmail"
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
  echo 1 >"$ROOT/refuse"
  event ping-fail - "a check failed"
  run alert
  equal "$status" 0
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
