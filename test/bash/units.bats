#!/usr/bin/env bats
# daemon-reload, enable, verify: one unit at a time, and only what is needed.
# shellcheck disable=SC2030,SC2031 # status is set by run

load support/host

setup() { new_host; }

# installed WITNESS: the unit file that carries it is in place, not reloaded yet.
installed() {
  { unit_row shop.service && unit_row apache2.service proxy host && file_row "$UNITS/shop.service" "$(app_unit "$1")"; } | manifest
  install_manifest "${2:-aaaa}" >/dev/null
}

@test "daemon-reload runs once an update, if a unit file was written" {
  installed 1111
  run step daemon-reload
  equal "$output" reloaded
  run step daemon-reload
  equal "$output" "not needed: no unit file was written"
  equal "$(count_calls daemon-reload)" 1
}

@test "daemon-reload isn't run for files that are no units" {
  { file_row "$APP/check" new && file_row "$ROOT/etc/logrotate.d/shop" new && unit_row shop.service; } | manifest
  set_unit shop.service UnitFileState=enabled
  install_manifest
  run step daemon-reload
  equal "$output" "not needed: no unit file was written"
  equal "$(count_calls daemon-reload)" 0
}

@test "daemon-reload runs for a drop-in, a removed unit and a foreign change too" {
  file_row "$UNITS/apache2.service.d/restart.conf" "[Service]" | manifest
  install_manifest && step daemon-reload && step confirm
  unit_row shop.service | manifest
  install_manifest bbbb && step daemon-reload && step confirm
  equal "$(count_calls daemon-reload)" 2
  install_manifest cccc
  step daemon-reload
  equal "$(count_calls daemon-reload)" 2
  set_unit shop.service NeedDaemonReload=yes
  step daemon-reload
  equal "$(count_calls daemon-reload)" 3
}

@test "a reload that an update which broke off still needed isn't forgotten" {
  installed 1111
  { unit_row shop.service && file_row "$UNITS/shop.service" "$(app_unit 1111)" && file_row "$APP/check" new; } | manifest
  install_manifest bbbb
  run step daemon-reload
  equal "$output" reloaded
}

@test "a daemon-reload that fails is said in a sentence, and tried again with the next update" {
  installed 1111
  set_unit . daemon-reload-once=fail
  taken_back 1 step daemon-reload
  equal "$REASON" "systemctl daemon-reload failed; systemd's reason is in journalctl -b -u init.scope"
  install_manifest bbbb
  run step daemon-reload
  equal "$output" reloaded
}

@test "a confirmed update needs no daemon-reload" {
  unit_row shop.service | settle
  run step daemon-reload
  equal "$output" "not needed: no unit file was written"
}

@test "a unit that is down is enabled and started" {
  installed 1111 && step daemon-reload
  run --separate-stderr step enable shop.service
  equal "$status $output$stderr" "0 enabled, started"
  # Enabled before the reload: newer systemd asks for one after each new link.
  equal "$(calls 'systemctl (enable|start|daemon-reload)' | grep -vE 'is-enabled|apache2|show')" "systemctl enable --no-reload -- shop.service
systemctl daemon-reload
systemctl start -- shop.service"
  equal "$(systemctl is-enabled shop.service) $(systemctl is-active shop.service)" "enabled active"
}

@test "a unit that runs with what was installed is neither enabled again nor restarted" {
  installed 1111 && step daemon-reload && step enable shop.service
  forget_calls
  run step enable shop.service
  equal "$output" "enabled, already running"
  equal "$(calls ' (enable|start|restart) ')" ""
}

@test "a unit that runs with something older is restarted once, after reset-failed" {
  installed 1111 && step daemon-reload && step enable shop.service
  installed 2222 bbbb && step daemon-reload
  forget_calls
  run step enable shop.service
  equal "$output" "enabled, restarted"
  run step enable shop.service
  equal "$output" "enabled, already running"
  equal "$(calls 'systemctl (reset-failed|start|restart)')" "systemctl reset-failed -- shop.service
systemctl restart -- shop.service"
}

# adopted LINE...: the service runs, from a unit file that somebody made before us.
adopted() {
  printf '%s\n' "[Service]" "$@" >"$UNITS/shop.service"
  systemctl daemon-reload
  set_unit shop.service ActiveState=active UnitFileState=enabled InvocationID=aaaa1111
}

@test "an adopted process that was started with the same settings isn't restarted, and is known from then on" {
  adopted ExecStart=/bin/true
  installed 1111 && step daemon-reload
  run step enable shop.service
  equal "$output" "enabled, already running"
  file_is "$SERVICE_DIR/process" "aaaa1111 1111"
  step confirm
  installed 2222 bbbb && step daemon-reload
  run step enable shop.service
  equal "$output" "enabled, restarted"
}

@test "an adopted process that was started with other settings is restarted" {
  adopted ExecStart=/bin/true "Environment=PORT=1"
  installed 1111 && step daemon-reload
  run step enable shop.service
  equal "$output" "enabled, restarted"
  equal "$(cut -d' ' -f2 "$SERVICE_DIR/process")" 1111
}

@test "what an adopted process was started with is remembered when its update breaks off after the reload" {
  adopted ExecStart=/bin/false
  installed 1111 && step daemon-reload
  installed 1111 bbbb && step daemon-reload
  run step enable shop.service
  equal "$output" "enabled, restarted"
}

@test "a process that somebody restarted from an altered unit is restarted, though it has the witness" {
  installed 1111 && step daemon-reload && step enable shop.service && step confirm
  printf '%s\n' "$(app_unit 1111)" "ExecStart=/bin/false" >"$UNITS/shop.service"
  systemctl daemon-reload
  systemctl restart shop.service
  installed 1111 bbbb && step daemon-reload
  run step enable shop.service
  equal "$output" "enabled, restarted"
}

@test "a process that somebody restarted from our unit isn't restarted" {
  installed 1111 && step daemon-reload && step enable shop.service && step confirm
  systemctl restart shop.service
  installed 1111 bbbb
  run step enable shop.service
  equal "$output" "enabled, already running"
  equal "$(<"$SERVICE_DIR/process")" "$(systemctl show --property=InvocationID --value shop.service) 1111"
}

@test "an altered unit that nobody started doesn't restart the process" {
  installed 1111 && step daemon-reload && step enable shop.service && step confirm
  printf '%s\n' "$(app_unit 1111)" "ExecStart=/bin/false" >"$UNITS/shop.service"
  systemctl daemon-reload
  installed 1111 bbbb && step daemon-reload
  run step enable shop.service
  equal "$output" "enabled, already running"
}

@test "a start that was never recorded is known by systemd's own witness" {
  installed 1111 && step daemon-reload && step enable shop.service
  rm "$SERVICE_DIR/process"
  run step enable shop.service
  equal "$output" "enabled, already running"
  rm "$SERVICE_DIR/process" "$ROOT/run/systemd/units/log-extra-fields:shop.service"
  run step enable shop.service
  equal "$output" "enabled, restarted"
}

@test "a record that isn't whole is no witness" {
  installed 1111 && step daemon-reload && step enable shop.service
  systemctl show --property=InvocationID --value shop.service >"$SERVICE_DIR/process"
  run step enable shop.service
  equal "$output" "enabled, already running"
  equal "$(cut -d' ' -f2 "$SERVICE_DIR/process")" 1111
}

@test "units without a witness leave no record of a process" {
  installed 1111
  step enable apache2.service
  absent "$SERVICE_DIR/process"
}

@test "a timer without a next run is restarted" {
  { unit_row shop.timer timer && file_row "$UNITS/shop.timer" "[Timer]"; } | manifest
  install_manifest
  set_unit shop.timer ActiveState=active SubState=elapsed UnitFileState=enabled
  run step enable shop.timer
  equal "$output" "enabled, restarted: it had no next run"
  equal "$(count_calls ' restart ')" 1
  run step enable shop.timer
  equal "$output" "enabled, already running"
}

@test "the health check's script and the time come from the manifest" {
  check_that "echo \"\$*\" >'$ROOT/arguments'"
  WITHIN=7 installed 1111
  step health-check
  file_is "$ROOT/arguments" "--gate 7 0"
}

@test "a unit without a witness of ours is never restarted while it runs" {
  set_unit apache2.service ActiveState=active UnitFileState=disabled
  installed 1111
  run step enable apache2.service
  equal "$output" "enabled, already running"
  equal "$(systemctl is-enabled apache2.service)" enabled
}

@test "a unit that is starting with something older is restarted, not waited for" {
  adopted ExecStart=/bin/false
  installed 1111 && step daemon-reload
  set_unit shop.service ActiveState=activating
  run step enable shop.service
  equal "$output" "enabled, restarted"
}

@test "a unit that is starting with what was installed is waited for" {
  installed 1111
  set_unit shop.service ActiveState=activating UnitFileState=enabled
  echo PULUMI_SYSTEMD_HA_WITNESS=1111 >"$ROOT/run/systemd/units/log-extra-fields:shop.service"
  run step enable shop.service
  equal "$output" "enabled, started"
  equal "$(count_calls restart)" 0
}

@test "a unit in start limit is recovered" {
  installed 1111
  set_unit shop.service ActiveState=failed Result=start-limit-hit UnitFileState=enabled
  step enable shop.service
  equal "$(calls 'systemctl (reset-failed|start|restart)')" "systemctl reset-failed -- shop.service
systemctl start -- shop.service"
}

@test "a unit that can't be enabled is said with systemd's reason" {
  unit_row shop.service | manifest
  printf 'Failed to enable unit: \033[31mUnit file %s is masked.\n' "$UNITS/shop.service" >"$ROOT/systemd/shop.service.enable"
  mkdir -p "$ROOT/systemd/shop.service" && mv "$ROOT/systemd/shop.service.enable" "$ROOT/systemd/shop.service/enable"
  taken_back 1 install_manifest
  equal "$REASON" "shop.service can't be enabled: Failed to enable unit: [31mUnit file $UNITS/shop.service is masked."
  equal "$(count_calls ' start ')" 0
}

# doesnt_start SENTENCE PROPERTY=VALUE...: what the operator reads when the start fails and systemd says so.
doesnt_start() {
  local sentence="$1"
  shift
  # The one before was taken back.
  install_manifest >/dev/null
  set_unit shop.service start=fail ActiveState=inactive ExecMainStatus=0 "$@"
  taken_back 1 step enable shop.service
  equal "$REASON" "$sentence"
}

@test "why a unit didn't start is said in words" {
  installed 1111
  doesnt_start "shop.service didn't start: its process exited with status 3" Result=exit-code ExecMainStatus=3
  doesnt_start "shop.service didn't start: its process was killed by signal 9" Result=signal ExecMainStatus=9
  doesnt_start "shop.service didn't start: its process was killed by signal 11" Result=core-dump ExecMainStatus=11
  doesnt_start "shop.service didn't start: it didn't become ready in time" Result=timeout
  doesnt_start "shop.service didn't start: it failed too often and hit its start limit" Result=start-limit-hit
  doesnt_start "shop.service didn't start: systemd says protocol" Result=protocol
  doesnt_start "shop.service didn't start: Job for shop.service failed because the control process exited with error code." Result=success
}

@test "the last journal lines belong to the failure" {
  installed 1111
  printf 'line %s\n' {1..30} >"$ROOT/journal"
  printf 'shop.service: Consumed 1.2s CPU time.\n' >>"$ROOT/journal"
  doesnt_start "shop.service didn't start: its process exited with status 1" Result=exit-code ExecMainStatus=1
  equal "${stderr_lines[1]}" "last lines of journalctl -u shop.service:"
  equal "${stderr_lines[2]}" "  line 11"
  equal "${stderr_lines[-2]}" "  line 30"
  equal "${#stderr_lines[@]}" 23
  has "$(grep -P '\tenable\t' "$SERVICE_DIR/steps")" $'enable\tshop.service\t1\tshop.service didn\'t start: its process exited with status 1'
}

@test "a unit without a journal fails all the same" {
  installed 1111
  doesnt_start "shop.service didn't start: its process exited with status 1" Result=exit-code ExecMainStatus=1
  equal "${#stderr_lines[@]}" 3
}

@test "journal lines can't drive the terminal, and none is so long that it hangs the plugin" {
  installed 1111
  { printf 'red \033[31m bell \a tab\tend\n' && head -c 300000 /dev/zero | tr '\0' x; } >"$ROOT/journal"
  doesnt_start "shop.service didn't start: its process exited with status 1" Result=exit-code ExecMainStatus=1
  equal "${stderr_lines[2]}" $'  red [31m bell  tab\tend'
  (($(printf '%s\n' "${stderr_lines[@]}" | wc -L) < 65536))
  [[ "$stderr" != *[$'\033\a']* ]]
}

@test "a start that hangs ends within its time, with a sentence" {
  WITHIN=1 installed 1111
  set_unit shop.service start=hang
  sed -i 's/ + 45))/ + 1))/' "$ROOT/host/lib/units.bash"
  run --separate-stderr step enable shop.service
  equal "$status" 1
  equal "${stderr_lines[0]}" "shop.service didn't start: no answer in time"
}

@test "verify tells enabled and active" {
  installed 1111
  set_unit shop.service UnitFileState=enabled ActiveState=active
  run --separate-stderr step verify shop.service
  equal "$status$stderr" 0
  equal "$output" $'is-enabled enabled\nis-active active'
}

@test "verify asks for one unit at a time" {
  installed 1111
  set_unit shop.service UnitFileState=enabled ActiveState=active
  forget_calls
  step verify shop.service
  equal "$(calls 'is-')" $'systemctl is-enabled -- shop.service\nsystemctl is-active -- shop.service'
}

@test "verify fails for a unit that isn't enabled, or that isn't there" {
  installed 1111
  set_unit shop.service UnitFileState=disabled ActiveState=active
  taken_back 1 step verify shop.service
  equal "$REASON" "shop.service isn't enabled: is-enabled says disabled"
  install_manifest
  taken_back 1 step verify nothing.service
  equal "$REASON" "nothing.service isn't enabled: is-enabled says nothing"
}

@test "verify fails for a unit that isn't active, with its journal" {
  installed 1111
  echo "cannot open database" >"$ROOT/journal"
  set_unit shop.service UnitFileState=enabled ActiveState=failed
  taken_back 1 step verify shop.service
  equal "$stderr" "shop.service isn't active: is-active says failed
last lines of journalctl -u shop.service:
  cannot open database
$OUTCOME"
}

@test "verify waits while a unit is starting or reloading" {
  installed 1111
  set_unit shop.service UnitFileState=enabled ActiveState=activating
  printf '%s\n' activating activating reloading active >"$ROOT/systemd/shop.service/ActiveState.next"
  step verify shop.service
  equal "$(count_calls sleep)" 3
}

@test "verify doesn't wait for ever" {
  WITHIN=7 installed 1111
  set_unit shop.service UnitFileState=enabled ActiveState=activating
  run --separate-stderr step verify shop.service
  equal "$status" 1
  equal "${stderr_lines[0]}" "shop.service isn't active: is-active says activating"
  equal "$(count_calls sleep)" 7
}

# check_that SCRIPT-LINE...: a health check script that does this.
check_that() {
  printf '%s\n' '#!/bin/bash' "$@" >"$ROOT/check"
  chmod +x "$ROOT/check"
}

@test "health-check tells the result and the lines that the check logged" {
  installed 1111
  check_that "echo \"\$*\" >'$ROOT/arguments'" "printf 'passed true\ntime 2026-01-22T22:14:39+0100\nexternal ok\n' >'$SERVICE_DIR/health'" "echo '[2026-01-22 22:14:39] SUCCESS: All checks passed'"
  run --separate-stderr step health-check
  equal "$status$stderr" 0
  equal "$output" "passed true
time 2026-01-22T22:14:39+0100
external ok
log [2026-01-22 22:14:39] SUCCESS: All checks passed"
  file_is "$ROOT/arguments" "--gate 5 0"
}

@test "health-check fails with what the check logged" {
  installed 1111
  check_that "echo '[2026-01-22 22:14:39] ERROR: shop.service is not running'" "printf '\033[31mred\n'" "exit 1"
  taken_back 1 step health-check
  equal "$stderr" "the service isn't healthy 5 s after the start: shop.service is not running
[2026-01-22 22:14:39] ERROR: shop.service is not running
[31mred
last lines of journalctl -u shop.service:
$OUTCOME"
}

@test "health-check fails with the service's own last words, without its secrets" {
  { unit_row shop.service && log_row "$APP/logs/shop-error.log" && directory_row "$APP/logs"; } | manifest
  install_manifest >/dev/null
  check_that "exit 1"
  mkdir -p "$ROOT/etc/pulumi-systemd-ha"
  printf 'TOKEN="pa\\"ss\\$word"\nSHORT="abc"\n' >"$ROOT/etc/pulumi-systemd-ha/shop.env"
  printf 'Traceback\nKeyError: pa"ss$word abc\n' >"$APP/logs/shop-error.log"
  run --separate-stderr step health-check
  has "$stderr" "last lines of $APP/logs/shop-error.log:
  Traceback
  KeyError: [masked] abc"
}

@test "health-check fails where the script is missing" {
  installed 1111
  taken_back 1 step health-check
  has "$REASON" "the service isn't healthy 5 s after the start: "
  has "$REASON" "$ROOT/check"
}
