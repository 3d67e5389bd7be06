#!/usr/bin/env bats
# The health check: what it checks, logs and restarts.

load support/host
load support/check

setup() { healthy_host; }

@test "a healthy service is logged as in the document" {
  check 0
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  [[ "${lines[0]}" =~ ^\[[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9]{2}:[0-9]{2}:[0-9]{2}\]\ ===\ Starting\ Health\ Check\ ===$ ]]
  equal "$(restarts)" ""
  equal "$(saved passed) $(saved external)" "true ok"
  [[ "$(saved time)" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{2}:[0-9]{2}$ ]]
}

@test "every layer is asked: both units, the application, the proxy, the external site" {
  check 0
  equal "$(calls . | grep -oE 'show --.*|https?://.*')" "show --property=ActiveState,Job -- rps.service
http://127.0.0.1:5137/
show --property=ActiveState,Job -- apache2.service
http://127.0.0.1:8087/
https://rps.pan2.app"
}

@test "the host's own ports are asked without the environment's proxy, and nobody's .curlrc counts" {
  check 0
  equal "$(calls '127.0.0.1' | grep -vc -- '--noproxy \*')" 0
  equal "$(calls 'rps.pan2.app' | grep -c -- '--noproxy')" 0
  equal "$(calls curl | grep -vc '^curl --disable .*--max-time 10 ')" 0
}

@test "a stopped application is restarted and logged as in the document" {
  set_unit rps.service ActiveState=inactive
  check 0
  logged "=== Starting Health Check ===
ERROR: rps.service is not running
Attempting to restart rps.service...
SUCCESS: rps.service restarted successfully
SUCCESS: All checks passed"
  equal "$(restarts)" rps.service
  equal "$(saved passed)" true
}

@test "a stopped proxy is restarted" {
  set_unit apache2.service ActiveState=failed
  check 0
  logged "=== Starting Health Check ===
ERROR: apache2.service is not running
Attempting to restart apache2.service...
SUCCESS: apache2.service restarted successfully
SUCCESS: All checks passed"
  equal "$(restarts)" apache2.service
}

@test "both stopped: both are restarted" {
  set_unit rps.service ActiveState=inactive
  set_unit apache2.service ActiveState=inactive
  check 0
  equal "$(restarts)" "rps.service apache2.service"
  has "$output" "SUCCESS: All checks passed"
}

@test "a unit in start limit is restarted after reset-failed" {
  set_unit rps.service ActiveState=failed
  check 0
  equal "$(calls 'reset-failed|restart')" "systemctl reset-failed -- rps.service
systemctl restart -- rps.service"
}

@test "an application that hangs while its unit is active is restarted, the proxy isn't" {
  answer 5137 timeout
  answer_after rps.service 5137 "200 Welcome"
  check 0
  logged "=== Starting Health Check ===
ERROR: http://127.0.0.1:5137/ does not answer as expected: curl: (28) Operation timed out after 10000 milliseconds with 0 bytes received
Attempting to restart rps.service...
SUCCESS: rps.service restarted successfully
SUCCESS: All checks passed"
  equal "$(restarts)" rps.service
}

@test "an application that answers at the second attempt is left alone" {
  answer 5137 "next refused" "next 500 busy" "200 Welcome"
  check 0
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(restarts) $(count_calls '^sleep')" " 2"
}

@test "a proxy at fault is restarted, the application isn't" {
  answer 8087 "503 Service Unavailable"
  answer_after apache2.service 8087 "200 Welcome"
  check 0
  has "$output" "ERROR: http://127.0.0.1:8087/ does not answer as expected: HTTP status 503 instead of 200"
  equal "$(restarts)" apache2.service
}

@test "an application at fault isn't blamed on the proxy" {
  answer 5137 refused
  answer 8087 "502 Bad Gateway"
  check 1
  equal "$(restarts)" rps.service
  has "$output" "ERROR: http://127.0.0.1:5137/ still does not answer as expected: curl: (7) Failed to connect to 127.0.0.1 port 5137: Connection refused"
  equal "$(calls 8087)" ""
}

@test "a failing external site restarts nothing and exits 1" {
  answer rps.pan2.app timeout
  check 1
  logged "=== Starting Health Check ===
ERROR: https://rps.pan2.app is not reachable: curl: (28) Operation timed out after 10000 milliseconds with 0 bytes received; at fault: the connection"
  equal "$(restarts)" ""
  equal "$(saved passed)" false
  has "$(saved external)" "Operation timed out"
}

@test "the external site isn't asked while a local layer fails" {
  answer 5137 refused
  check 1
  equal "$(calls pan2)" ""
}

@test "another status than the expected one is a failure" {
  answer 5137 "404 Not Found"
  check 1 --no-repair
  has "$output" "ERROR: http://127.0.0.1:5137/ does not answer as expected: HTTP status 404 instead of 200"
  render expectStatus=404
  answer 8087 "404 Not Found"
  answer rps.pan2.app "404 Not Found"
  check 0
}

@test "an answer without the expected text is a failure" {
  render expectText='Rock * "paper" $scissors'
  answer 5137 '200 Rock and paper'
  check 1 --no-repair
  has "$output" "does not answer as expected: the answer doesn't contain the expected text"
  answer 5137 '200 <h1>Rock * "paper" $scissors</h1>'
  answer 8087 '200 <h1>Rock * "paper" $scissors</h1>'
  answer rps.pan2.app '200 <h1>Rock * "paper" $scissors</h1>'
  check 0
}

@test "a unit that is just starting gets time" {
  set_unit rps.service ActiveState=activating
  printf '%s\n' activating activating reloading active >"$ROOT/systemd/rps.service/ActiveState.next"
  check 0
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(restarts)" ""
}

@test "a unit that never gets beyond starting is restarted" {
  set_unit rps.service ActiveState=activating
  check 0
  equal "$(restarts) $(count_calls '^sleep')" "rps.service 15"
}

@test "a restart by somebody is left to end" {
  set_unit rps.service ActiveState=active
  printf '%s\n' deactivating activating active >"$ROOT/systemd/rps.service/ActiveState.next"
  check 0
  set_unit rps.service ActiveState=inactive Job=17
  printf '%s\n' inactive failed activating active >"$ROOT/systemd/rps.service/ActiveState.next"
  check 0
  equal "$(restarts)" ""
}

@test "a unit that somebody stops is restarted once it has stopped: the stop isn't cut off" {
  printf '%s\n' deactivating deactivating inactive >"$ROOT/systemd/rps.service/ActiveState.next"
  check 0
  equal "$(restarts) $(count_calls '^sleep')" "rps.service 2"
}

@test "a unit that takes long to start or stop gets as long as in an update" {
  render healthyWithinSec=30
  set_unit rps.service ActiveState=deactivating
  check 0
  equal "$(restarts) $(count_calls '^sleep')" "rps.service 30"
}

# started SECONDS [UNIT]: so long ago.
started() { set_unit "${2:-rps.service}" ActiveEnterTimestampMonotonic="$(awk -v ago="$1" '{ printf "%.0f", ($1 - ago) * 1000000 }' /proc/uptime)"; }

@test "an application that was started just now gets the time that an update gives it until it answers" {
  render healthyWithinSec=30
  started 5
  answer 5137 "next refused" "next refused" "next refused" "next refused" "next refused" "200 Welcome"
  check 0
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(restarts)" ""
}

@test "a proxy gets it as well; who only looks, and an update's own check, don't wait for it" {
  render healthyWithinSec=30
  started 5 apache2.service
  answer 8087 "next refused" "next refused" "next refused" "next refused" "200 Welcome"
  check 0
  equal "$(restarts)" ""
  started 5
  answer 5137 refused
  forget_calls
  check 1 --no-repair
  equal "$(count_calls 5137)" 3
  # It would take until the unit is 30 s old.
  local begun=$SECONDS
  check 1 --gate 1
  ((SECONDS - begun < 15))
}

@test "an update that begins meanwhile isn't kept waiting" {
  render healthyWithinSec=30
  started 5
  answer 5137 refused
  printf '#!/bin/bash\nmkdir -p "%s" && echo "$(</proc/sys/kernel/random/boot_id) 999999999" >"%s/deadline"\n' "$STATE/transaction"{,} >"$ROOT/tmp/sleep"
  chmod +x "$ROOT/tmp/sleep"
  PATH="$ROOT/tmp:$PATH" check 1
  has "$output" "An update is in progress; leaving rps.service to it"
  (($(count_calls 5137) <= 4))
}

@test "one that was started longer ago, or doesn't answer in that time either, is restarted" {
  answer_after rps.service 5137 "200 Welcome"
  answer 5137 refused
  render healthyWithinSec=30
  started 31
  check 0
  # Three attempts at first, and one after the restart.
  equal "$(restarts) $(count_calls 5137)" "rps.service 4"
  render healthyWithinSec=2
  : >"$ROOT/calls"
  answer 5137 refused
  started 0
  check 0
  equal "$(restarts)" "rps.service"
  (($(count_calls 5137) > 4))
}

@test "a restart that takes longer than an update waits is looked at until it ends, or said to go on" {
  set_unit rps.service ActiveState=failed start=hang
  printf '%s\n' failed deactivating activating active >"$ROOT/systemd/rps.service/ActiveState.next"
  check 0
  has "$output" "SUCCESS: rps.service restarted successfully"
  set_unit rps.service ActiveState=failed
  printf '%s\n' failed deactivating >"$ROOT/systemd/rps.service/ActiveState.next"
  check 1
  has "$output" "ERROR: rps.service could not be restarted: its restart still goes on"
}

@test "a pipe in the log's place holds up no check" {
  rm -f "$LOG"
  mkfifo "$LOG"
  set_unit rps.service ActiveState=failed
  run timeout 20 "$CHECK"
  equal "$status $(restarts)" "0 rps.service"
}

@test "a restart that fails is logged with its reason and leaves exit code 1" {
  set_unit rps.service ActiveState=failed start=fail
  check 1
  logged "=== Starting Health Check ===
ERROR: rps.service is not running
Attempting to restart rps.service...
ERROR: rps.service could not be restarted: Job for rps.service failed because the control process exited with error code."
  equal "$(saved passed)" false
}

@test "a restart after which the unit isn't active is a failure" {
  set_unit rps.service ActiveState=inactive after-start=failed
  check 1
  has "$output" "ERROR: rps.service could not be restarted: it is not active after 1 s"
}

@test "a restart that hangs ends in time" {
  set_unit rps.service ActiveState=inactive start=hang
  check 1
  has "$output" "ERROR: rps.service could not be restarted: it is not active after 1 s"
}

@test "an application that was just restarted gets time to answer, and no second restart" {
  set_unit rps.service ActiveState=inactive
  render healthyWithinSec=30 retries=0
  answer 5137 "next refused" "next refused" "next refused" "200 Welcome"
  check 0
  equal "$(restarts)" rps.service
  # The same for the proxy in front of it.
  set_unit rps.service ActiveState=inactive
  forget_calls
  answer 8087 "next 503 down" "next 503 down" "200 Welcome"
  check 0
  equal "$(restarts)" rps.service
}

@test "an application that is stopped and doesn't answer after its restart is restarted once" {
  set_unit rps.service ActiveState=inactive
  answer 5137 refused
  check 1
  equal "$(restarts)" rps.service
  has "${lines[-1]}" "ERROR: http://127.0.0.1:5137/ still does not answer as expected: curl: (7)"
}

@test "a service without proxy, tunnel and external site is checked for itself" {
  render proxyUnit= proxyUrl= externalUrl=
  set_unit apache2.service ActiveState=failed
  check 0
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(saved external)" "not configured"
}

@test "a stopped tunnel is restarted" {
  render tunnelUnit=cloudflared.service
  set_unit cloudflared.service ActiveState=inactive
  check 0
  equal "$(restarts)" cloudflared.service
}

@test "control characters in a reason reach neither log nor terminal" {
  printf '#!/bin/bash\nprintf "curl: \\033[31m\\a\\n" >&2\nexit 7\n' >"$ROOT/tmp/curl" && chmod +x "$ROOT/tmp/curl"
  PATH="$ROOT/tmp:$PATH" check 1 --no-repair
  [[ "$output" != *[$'\033\a']* ]]
}

# in_maintenance OWNER LINE
in_maintenance() { mkdir -p "$STATE/maintenance" && printf '%b\n' "$2" >"$STATE/maintenance/$1"; }

@test "in maintenance nothing is asked and nothing restarted, and the log says who holds it" {
  in_maintenance config '2026-01-22T22:14:39+0100\tshop/prod\t'
  in_maintenance operator '2026-01-23T22:14:39+0100\tbob@desk\ta new \033[31mdisk'
  set_unit rps.service ActiveState=inactive
  for arguments in "" "--gate 5"; do
    # shellcheck disable=SC2086 # words
    check 0 $arguments
    logged "Maintenance: since 2026-01-22T22:14:39+0100 (config: shop/prod) and since 2026-01-23T22:14:39+0100 (operator: a new  [31mdisk); skipping"
  done
  equal "$(restarts)$(calls curl)" ""
}

@test "in maintenance --no-repair tells how it is all the same" {
  in_maintenance operator ''
  set_unit rps.service ActiveState=inactive
  check 1 --no-repair
  logged "=== Starting Health Check ===
ERROR: rps.service is not running"
}

@test "a marker that somebody made by hand counts, whatever is in it" {
  in_maintenance operator ''
  check 0
  logged "Maintenance: since an unknown time (operator: somebody); skipping"
}

@test "a maintenance that begins while the check runs keeps it from repairing" {
  answer 5137 refused
  printf '#!/bin/bash\nmkdir -p "%s/maintenance" && touch "%s/maintenance/operator"\nexit 7\n' "$STATE" "$STATE" >"$ROOT/tmp/curl" && chmod +x "$ROOT/tmp/curl"
  PATH="$ROOT/tmp:$PATH" check 1
  has "$output" "Maintenance began; leaving rps.service alone"
  equal "$(restarts)" ""
}
