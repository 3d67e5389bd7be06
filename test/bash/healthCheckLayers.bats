#!/usr/bin/env bats
# The health check: which layer it finds at fault, and what it puts down to be told.

load support/host
load support/check

setup() {
  healthy_host
  ALERTS="$ROOT/etc/pulumi-systemd-ha/rps.alerts"
  mkdir -p "${ALERTS%/*}"
  printf 'WEBHOOK_URL="https://hooks.example/T"\n' >"$ALERTS"
}

# told: what was put down, as `event unit`, in its order.
told() { cat "$ROOT"/run/pulumi-systemd-ha-rps/alerts/*.event 2>/dev/null | cut -f1,2 | tr '\t' ' '; }
forget_told() { rm -rf "$ROOT/run/pulumi-systemd-ha-rps/alerts"; }

@test "a proxy isn't blamed for an application that went after it was asked: it's the one that is restarted" {
  answer 5137 "next 200 Welcome" refused
  answer 8087 "503 Service Unavailable"
  answer_after rps.service 5137 "200 Welcome"
  answer_after rps.service 8087 "200 Welcome"
  check 0
  equal "$(restarts)" rps.service
  [[ "$output" != *8087* ]]
}

@test "a proxy isn't blamed for an application that hangs since it was asked" {
  answer 5137 "next 200 Welcome" timeout
  answer 8087 timeout
  answer_after rps.service 5137 "200 Welcome"
  answer_after rps.service 8087 "200 Welcome"
  check 0
  equal "$(restarts)" rps.service
}

@test "a proxy isn't blamed for an application that was away for a moment" {
  answer 8087 "next 503 busy" "next 503 busy" "next 503 busy" "200 Welcome"
  check 0
  logged "=== Starting Health Check ===
SUCCESS: All checks passed"
  equal "$(restarts)" ""
}

@test "an answer that can't be kept isn't the service's fault" {
  mkdir -p "$ROOT/run/pulumi-systemd-ha-rps/body.repair"
  check 0
  render expectText=Welcome
  check 1
  has "$output" "ERROR: http://127.0.0.1:5137/ can't be asked, so nothing is restarted for it"
  equal "$(restarts)" ""
}

@test "a restart is a success only when the layer answers again" {
  set_unit rps.service ActiveState=inactive
  answer 5137 "503 busy"
  check 1
  logged "=== Starting Health Check ===
ERROR: rps.service is not running
Attempting to restart rps.service...
ERROR: http://127.0.0.1:5137/ still does not answer as expected: HTTP status 503 instead of 200"
}

@test "a proxy that depends on nothing is asked and repaired though the application fails" {
  render proxyDependsOn=nothing maxRepairs=1
  answer 5137 refused
  answer 8087 timeout
  answer_after apache2.service 8087 "200 Welcome"
  check 1
  equal "$(restarts)" "rps.service apache2.service"
}

@test "a stopped proxy is started though the application fails" {
  answer 5137 refused
  set_unit apache2.service ActiveState=inactive
  check 1
  equal "$(restarts)" "rps.service apache2.service"
}

@test "an external site that depends on nothing is asked though a local layer fails" {
  render externalDependsOn=nothing
  answer 5137 refused
  answer rps.pan2.app "502 Bad gateway"
  check 1 --no-repair
  has "${lines[-1]}" "ERROR: https://rps.pan2.app is not reachable either: HTTP status 502 instead of 200"
}

@test "a stopped tunnel keeps nobody from asking the application and the proxy" {
  render tunnelUnit=cloudflared.service maxRepairs=0
  set_unit cloudflared.service ActiveState=failed
  answer 8087 refused
  check 1 --no-repair
  logged "=== Starting Health Check ===
ERROR: http://127.0.0.1:8087/ does not answer as expected: curl: (7) Failed to connect to 127.0.0.1 port 8087: Connection refused
ERROR: cloudflared.service is not running"
  equal "$(saved external)" "not checked"
}

# fails_with STATUS WORDS: curl does, for the site.
fails_with() {
  printf '#!/bin/bash\ncase "$*" in *pan2*) echo "curl: (%s) %s" >&2; exit %s ;; *) exec "%s" "$@" ;; esac\n' "$1" "$2" "$1" \
    "$PROJECT/test/bash/support/stubs/curl" >"$ROOT/tmp/curl"
  chmod 0755 "$ROOT/tmp/curl"
  PATH="$ROOT/tmp:$PATH"
}
fault() { sed -n 's/.*; at fault: //p' <<<"${lines[-1]}"; }

@test "the fault outside is named: the name" {
  fails_with 6 "Could not resolve host: rps.pan2.app"
  check 1
  [[ "$(fault)" == "name resolution" || "$(fault)" == "this host's network: it has no default route" ]]
  equal "$(restarts)" ""
}

@test "the fault outside is named: the certificate" {
  fails_with 60 "SSL certificate problem: certificate has expired"
  check 1
  equal "$(fault)" "the certificate"
}

@test "the fault outside is named: TLS" {
  fails_with 35 "error:0A000438:SSL routines::tlsv1 alert internal error"
  check 1
  equal "$(fault)" "TLS"
}

@test "the fault outside is named: the tunnel, of which the edge speaks" {
  answer rps.pan2.app "530 error 1033"
  check 1
  equal "$(fault)" "the tunnel, or the edge's way to this host"
  forget_calls
  answer rps.pan2.app "404 not here"
  check 1
  equal "$(fault)" ""
  has "${lines[-1]}" "HTTP status 404 instead of 200"
}

@test "where curl itself is missing or broken, nobody is blamed and nothing restarted" {
  local how
  for how in 127 126 2 139; do
    printf '#!/bin/bash\necho "no curl" >&2\nexit %s\n' "$how" >"$ROOT/tmp/curl"
    chmod 0755 "$ROOT/tmp/curl"
    PATH="$ROOT/tmp:$PATH" check 1
    has "$output" "ERROR: http://127.0.0.1:5137/ can't be asked, so nothing is restarted for it: no curl"
    equal "$(restarts)" ""
    absent "$STATE_DIR/rps/repairs.rps.service"
  done
  # What systemd says needs no curl.
  set_unit apache2.service ActiveState=inactive
  PATH="$ROOT/tmp:$PATH" check 1
  equal "$(restarts)" "apache2.service"
}

@test "nothing is put down where nobody is to be told, nor by a look or an update's check" {
  set_unit rps.service ActiveState=inactive
  check 0
  equal "$(told)$(calls systemd-run)" ""
  render alertsFile="$ALERTS"
  answer rps.pan2.app refused
  check 1 --no-repair
  check 0 --gate 1
  equal "$(told)$(calls systemd-run)" ""
}

@test "a repair is told, and handed over by a unit of its own" {
  render alertsFile="$ALERTS"
  set_unit rps.service ActiveState=inactive
  check 0
  equal "$(told)" "repaired rps.service"
  has "$(calls systemd-run)" "--collect --no-block --unit=rps-alert-"
  has "$(calls systemd-run)" "/usr/local/lib/pulumi-systemd-ha/1/helper alert rps"
}

@test "a start limit, a repair that fails and the last one are told" {
  render alertsFile="$ALERTS" maxRepairs=1
  set_unit apache2.service ActiveState=failed Result=start-limit-hit
  answer 8087 refused
  check 1
  equal "$(told)" "start-limit apache2.service
repair-failed apache2.service"
  forget_told
  check 1
  equal "$(told)" "exhausted apache2.service"
}

@test "a start limit is told where systemd keeps how the process had ended, too" {
  render alertsFile="$ALERTS" maxRepairs=1
  set_unit apache2.service ActiveState=failed Result=signal
  echo "apache2.service: Start request repeated too quickly." >"$ROOT/journal"
  answer 8087 refused
  check 1
  equal "$(told)" "start-limit apache2.service
repair-failed apache2.service"
}

@test "a failure of the site is told after as many runs as a repair needs" {
  render alertsFile="$ALERTS" failuresBeforeRepair=2
  answer rps.pan2.app refused
  check 1
  has "${lines[-1]}" "external failed in 1 of 2 runs; not alerting yet"
  equal "$(told)" ""
  check 1
  equal "$(told)" "external -"
}

@test "when all is well again, it's told only if somebody was told of a failure" {
  render alertsFile="$ALERTS"
  check 0
  equal "$(told)" ""
  echo x >"$STATE/alerted"
  check 0
  equal "$(told)" "recovered -"
}

@test "pings begin and end a check, where there is a URL for them" {
  render alertsFile="$ALERTS"
  printf 'PING_URL="https://ping.example/1"\n' >>"$ALERTS"
  check 0
  equal "$(told)" "ping-start -
ping-success -"
  forget_told
  answer rps.pan2.app refused
  check 1
  equal "$(told)" "ping-start -
external -
ping-fail -"
  has "$(cat "$ROOT"/run/pulumi-systemd-ha-rps/alerts/*.event)" "ping-fail	-	https://rps.pan2.app is not reachable: curl: (7)"
}

@test "an alert that can't be handed over breaks neither check nor repair" {
  render alertsFile="$ALERTS"
  echo fail >"$ROOT/systemd/systemd-run"
  set_unit rps.service ActiveState=inactive
  check 0
  has "$output" "WARNING: the alerts could not be handed over"
  has "$output" "SUCCESS: rps.service restarted successfully"
}

@test "no more is put down than may lie there, and the helper is called for it all the same" {
  render alertsFile="$ALERTS"
  mkdir -p "$ROOT/run/pulumi-systemd-ha-rps/alerts"
  touch "$ROOT"/run/pulumi-systemd-ha-rps/alerts/{1..50}.event
  set_unit rps.service ActiveState=inactive
  check 0
  equal "$(told)" ""
  has "$output" "WARNING: the alert 'repaired' could not be put down"
  has "$(calls systemd-run)" "helper alert rps"
}

@test "what couldn't be sent before is handed over again, though there is nothing new" {
  render alertsFile="$ALERTS"
  check 0
  equal "$(calls systemd-run)" ""
  mkdir -p "$ROOT/run/pulumi-systemd-ha-rps/alerts"
  touch "$ROOT/run/pulumi-systemd-ha-rps/alerts/1.webhook"
  check 0 --no-repair
  equal "$(calls systemd-run)" ""
  check 0
  has "$(calls systemd-run)" "helper alert rps"
}

@test "a tunnel that ends right after its restart isn't repaired" {
  render tunnelUnit=cloudflared.service
  set_unit cloudflared.service ActiveState=failed
  printf '#!/bin/bash\nprintf failed >"$ROOT/systemd/cloudflared.service/ActiveState"\n' >"$ROOT/tmp/sleep" && chmod 0755 "$ROOT/tmp/sleep"
  PATH="$ROOT/tmp:$PATH" check 1
  has "${lines[-1]}" "ERROR: cloudflared.service could not be restarted: it ended at once"
}

@test "a proxy that wasn't asked keeps its count of failures" {
  render failuresBeforeRepair=2
  answer 8087 refused
  check 1
  answer 5137 refused
  check 1
  equal "$(cat "$STATE/failures.apache2.service")" 1
}

@test "the ping of a failure names the one that is left, not one that was repaired" {
  render alertsFile="$ALERTS"
  printf 'PING_URL="https://ping.example/1"\n' >>"$ALERTS"
  answer 5137 refused
  set_unit apache2.service ActiveState=inactive
  check 1
  has "$(cat "$ROOT"/run/pulumi-systemd-ha-rps/alerts/*.event)" "ping-fail	-	http://127.0.0.1:5137/ does not answer as expected"
}
