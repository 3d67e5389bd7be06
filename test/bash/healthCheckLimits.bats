#!/usr/bin/env bats
# When the health check holds back, and what must not break it.

load support/host
load support/check

setup() { healthy_host; }
teardown() { umount "$ROOT/full" 2>/dev/null || true; }

@test "notes that are none don't keep it from repairing, nor from its limits" {
  set_unit rps.service ActiveState=failed
  echo 08 >"$STATE/failures.rps.service"
  check 0
  equal "$(restarts)" rps.service
  { yes "$(date +%s)" | head -c 3000000 && head -c 3000000 /dev/zero; } >"$STATE/repairs.rps.service"
  set_unit rps.service ActiveState=failed
  check 0
  rm "$STATE/repairs.rps.service"
  mkdir "$STATE/repairs.rps.service" "$STATE/failures.rps.service"
  for _ in 1 2 3; do
    set_unit rps.service ActiveState=failed
    check 0
  done
  set_unit rps.service ActiveState=failed
  check 1
  has "$output" "was repaired 3 times"
}

@test "a number that is none is a wrong call" {
  local words
  for words in "--gate 08" "--gate 2 09" "--gate 100000" "--gate 1 2 3" "--no-repair 1" "--gate"; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr "$CHECK" $words
    equal "$status$output" 2
  done
}

@test "--no-repair restarts nothing" {
  set_unit rps.service ActiveState=inactive
  check 1 --no-repair
  logged "=== Starting Health Check ===
ERROR: rps.service is not running"
  equal "$(restarts)" ""
}

@test "a wrong call is refused with the usage" {
  local words
  for words in --help --gate "--gate soon" "--gate 1 soon" repair; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr "$CHECK" $words
    equal "$status" 2
    has "$stderr" "health-check.sh --no-repair     check everything, restart nothing"
    [[ "$stderr" != *"set -uo"* ]]
  done
  absent "$LOG"
}

@test "another user than root is told how to run it" {
  sed -i 's/((EUID != [0-9]*))/((1))/' "$CHECK"
  run --separate-stderr "$CHECK"
  equal "$status" 2
  equal "$stderr" "run it as root: sudo $CHECK"
}

@test "a layer is repaired only after it failed in so many runs in a row" {
  render failuresBeforeRepair=3
  set_unit rps.service ActiveState=inactive
  check 1
  logged "=== Starting Health Check ===
ERROR: rps.service is not running
rps.service failed in 1 of 3 runs; not repairing yet"
  check 1
  has "$output" "rps.service failed in 2 of 3 runs; not repairing yet"
  equal "$(restarts)" ""
  check 0
  equal "$(restarts)" rps.service
}

@test "a healthy run in between starts the count again" {
  render failuresBeforeRepair=2
  set_unit rps.service ActiveState=inactive
  check 1
  set_unit rps.service ActiveState=active
  check 0
  set_unit rps.service ActiveState=inactive
  check 1
  has "$output" "rps.service failed in 1 of 2 runs; not repairing yet"
}

@test "healthy local layers start the count again, whatever the external site says" {
  render failuresBeforeRepair=2
  set_unit rps.service ActiveState=inactive
  check 1
  set_unit rps.service ActiveState=active
  answer rps.pan2.app refused
  check 1
  set_unit rps.service ActiveState=inactive
  check 1
  has "$output" "rps.service failed in 1 of 2 runs; not repairing yet"
}

@test "an application that answers starts its count again, whatever the proxy does" {
  render failuresBeforeRepair=2
  answer 5137 refused
  check 1
  answer 5137 "200 Welcome"
  answer 8087 refused
  check 1
  answer 5137 refused
  check 1
  has "$output" "rps.service failed in 1 of 2 runs; not repairing yet"
}

@test "a count that can't be read counts as none" {
  render failuresBeforeRepair=2
  set_unit rps.service ActiveState=inactive
  echo 'a[$(reboot)]' >"$STATE/failures.rps.service"
  check 1
  has "$output" "rps.service failed in 1 of 2 runs"
}

@test "repairs of a unit are limited in a window, others' don't count" {
  render maxRepairs=2 repairWindowSec=600
  set_unit rps.service ActiveState=inactive start=fail
  check 1
  check 1
  check 1
  has "$output" "ERROR: rps.service was repaired 2 times in the last 600 s; not trying again"
  equal "$(restarts)" "rps.service rps.service"
  set_unit rps.service ActiveState=active start=
  set_unit apache2.service ActiveState=inactive
  check 0
  equal "$(restarts)" "rps.service rps.service apache2.service"
}

@test "repairs outside the window don't count, nor do times that are still to come" {
  render maxRepairs=1 repairWindowSec=600
  local now
  printf -v now '%(%s)T' -1
  printf '%s\n' "$((now - 601))" "$((now + 9000))" garbage >"$STATE/repairs.rps.service"
  set_unit rps.service ActiveState=inactive
  check 0
  equal "$(restarts)" rps.service
  set_unit rps.service ActiveState=inactive
  check 1
  equal "$(restarts)" rps.service
}

@test "no repairs at all can be wanted" {
  render maxRepairs=0
  set_unit rps.service ActiveState=inactive
  check 1
  equal "$(restarts)" ""
}

# update_until SECOND [BOOT-ID]: an update is open until that second of uptime.
update_until() {
  mkdir -p "$STATE/transaction"
  echo "${2:-$(</proc/sys/kernel/random/boot_id)} $1" >"$STATE/transaction/deadline"
}

@test "while an update is in progress the timer's check skips and exits 0" {
  update_until 99999999
  set_unit rps.service ActiveState=inactive
  check 0
  logged "An update is in progress; skipping this check"
  equal "$(restarts)" ""
}

@test "an update whose time is over, or of before the last boot, keeps no check from repairing" {
  set_unit rps.service ActiveState=inactive
  update_until 1
  check 0
  equal "$(restarts)" rps.service
  set_unit rps.service ActiveState=inactive
  update_until 99999999 another-boot
  check 0
  equal "$(restarts)" "rps.service rps.service"
}

@test "an update's own check and a look aren't kept off by it" {
  update_until 99999999
  check 0 --gate 1
  check 0 --no-repair
  has "$output" "SUCCESS: All checks passed"
}

# other_check: another one is running, until the test ends.
other_check() {
  mkdir -p "$ROOT/run/pulumi-systemd-ha-rps"
  exec 7>>"$ROOT/run/pulumi-systemd-ha-rps/lock"
  flock 7
}

@test "a second check at the same time skips and exits 0" {
  other_check
  set_unit rps.service ActiveState=inactive
  check 0
  logged "Another health check is in progress; skipping this one"
  equal "$(restarts)" ""
}

@test "an update's check never passes unchecked because another one is running" {
  other_check
  check 1 --gate 1
  logged "ERROR: Another health check is still in progress after 1 s; nothing was checked"
}

@test "what is restarted doesn't keep the check's lock" {
  : >"$ROOT/inherited-locks"
  set_unit rps.service ActiveState=inactive
  check 0
  equal "$(grep ' restart ' "$ROOT/inherited-locks")" ""
}

@test "the update's check waits until the local layers are healthy" {
  set_unit rps.service ActiveState=activating
  printf '%s\n' activating activating activating active >"$ROOT/systemd/rps.service/ActiveState.next"
  answer 5137 "next refused" "next refused" "next 503 starting" "next refused" "200 Welcome"
  check 0 --gate 30
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(restarts)" ""
}

@test "the update's check fails at the end of its time, restarts nothing, and says why" {
  answer 5137 refused
  check 1 --gate 1
  logged "=== Starting Health Check ===
ERROR: http://127.0.0.1:5137/ does not answer as expected: curl: (7) Failed to connect to 127.0.0.1 port 5137: Connection refused"
  equal "$(restarts)" ""
  equal "$(saved passed)" false
}

# The sleep of the check that waits whether the service stays up does this meanwhile.
meanwhile() {
  printf '#!/bin/bash\nprintf "sleep %%s\\n" "$*" >>"$ROOT/calls"\n[[ "$1" != 6 ]] || { %s; }\n' "$1" >"$ROOT/tmp/sleep"
  chmod +x "$ROOT/tmp/sleep"
}

@test "the update's check waits whether a service that was started stays up" {
  set_unit rps.service InvocationID=1111
  check 0 --gate 1 6
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(count_calls '^sleep 6$')" 1
  forget_calls
  check 0 --gate 1
  equal "$(count_calls '^sleep 6$')" 0
}

@test "a service that ends some seconds after its first answer fails the update's check, also if systemd started it again" {
  set_unit rps.service InvocationID=1111 NRestarts=0
  local change
  for change in 'echo failed >"$ROOT/systemd/rps.service/ActiveState"' 'cd "$ROOT/systemd/rps.service" && echo 2222 >InvocationID && echo 1 >NRestarts'; do
    meanwhile "$change"
    PATH="$ROOT/tmp:$PATH" check 1 --gate 1 6
    logged "=== Starting Health Check ===
ERROR: rps.service ended within 6 s after it first answered"
    set_unit rps.service ActiveState=active InvocationID=1111 NRestarts=0
  done
}

@test "a service that somebody restarts during the update's check must stay up from then on" {
  set_unit rps.service InvocationID=1111 NRestarts=0
  meanwhile 'echo 2222 >"$ROOT/systemd/rps.service/InvocationID"'
  PATH="$ROOT/tmp:$PATH" check 0 --gate 1 6
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(count_calls '^sleep 6$')" 2
}

@test "a restart by somebody that is at its end just when the update's check looks is none of the service's" {
  set_unit rps.service InvocationID=1111 NRestarts=0
  meanwhile '[[ -e "$ROOT/tmp/once" ]] || { : >"$ROOT/tmp/once" && cd "$ROOT/systemd/rps.service" && echo 2222 >InvocationID && printf "deactivating\nactivating\nactive\n" >ActiveState.next; }'
  PATH="$ROOT/tmp:$PATH" check 0 --gate 1 6
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
}

@test "the update's check only warns of the external site" {
  answer rps.pan2.app "502 Bad Gateway"
  check 0 --gate 1
  logged "=== Starting Health Check ===
WARNING: https://rps.pan2.app is not reachable: HTTP status 502 instead of 200
SUCCESS: All local checks passed"
  equal "$(saved passed) $(saved external)" "true HTTP status 502 instead of 200"
}

@test "a missing log directory is made" {
  rm -rf "${LOG%/*}"
  check 0
  equal "$(wc -l <"$LOG")" 2
}

@test "a log that can't be written breaks neither check nor repair" {
  mkdir "$LOG"
  set_unit rps.service ActiveState=inactive
  check 0
  equal "${#lines[@]}" 5
  equal "$(restarts)" rps.service
}

@test "a log directory that can't be made breaks neither check nor repair" {
  rm -rf "${LOG%/*}" && : >"${LOG%/*}"
  set_unit rps.service ActiveState=inactive
  check 0
  has "$output" "SUCCESS: rps.service restarted successfully"
}

@test "root doesn't write through a link in the place of the log directory" {
  mkdir "$ROOT/tmp/elsewhere"
  rm -rf "${LOG%/*}" && ln -s "$ROOT/tmp/elsewhere" "${LOG%/*}"
  check 0
  equal "$(ls "$ROOT/tmp/elsewhere")" ""
}

@test "root doesn't write into a log directory of the service's user" {
  needs_root
  chown nobody "${LOG%/*}"
  ln -s "$ROOT/tmp/planted" "$LOG"
  check 0
  absent "$ROOT/tmp/planted"
}

@test "a full disk breaks neither check nor repair" {
  needs_root
  mkdir "$ROOT/full"
  mount -t tmpfs -o size=16k none "$ROOT/full" 2>/dev/null || skip "can't mount a tmpfs here"
  mkdir "$ROOT/full/logs" "$ROOT/full/state"
  head -c 100000 /dev/zero 2>/dev/null >"$ROOT/full/filler" || true
  rm -rf "$STATE" && ln -s "$ROOT/full/state" "$STATE"
  render log="$ROOT/full/logs/health-check.log"
  check 0
  set_unit rps.service ActiveState=inactive
  check 0
  equal "$(restarts)" rps.service
}

@test "a missing state directory makes nothing unhealthy" {
  rm -rf "$STATE"
  check 0
  has "$output" "SUCCESS: All checks passed"
}

@test "a /run that can't be written is said, and nothing is restarted for it" {
  : >"$ROOT/run/pulumi-systemd-ha-rps"
  set_unit rps.service ActiveState=inactive
  check 1
  logged "ERROR: cannot write to $ROOT/run/pulumi-systemd-ha-rps; nothing was checked"
  equal "$(restarts)" ""
}

@test "only root can look into the check's directory" {
  check 0
  equal "$(stat -c %a "$ROOT/run/pulumi-systemd-ha-rps")" 700
}
