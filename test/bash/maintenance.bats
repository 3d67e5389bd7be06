#!/usr/bin/env bats
# Maintenance: held by the configuration (install), by operators (the verb), by both; nothing starts meanwhile.
# shellcheck disable=SC2030,SC2031 # status is set by run

load support/host

setup() {
  new_host
  printf '#!/bin/bash\nprintf "check %%s\\n" "$*" >>"%s/calls"\ncat "%s/check-says"\nexit "$(cat "%s/check-ends")"\n' "$ROOT" "$ROOT" "$ROOT" >"$ROOT/check"
  chmod 0755 "$ROOT/check"
  says 0 "[2026-01-22 22:14:39] SUCCESS: All checks passed"
  printf 'passed true\n' >"$ROOT/health"
}

says() {
  printf '%s\n' "$1" >"$ROOT/check-ends"
  printf '%s\n' "${@:2}" >"$ROOT/check-says"
}

# rows [yes]: a service behind a proxy; in maintenance or not.
rows() {
  unit_row shop.service && unit_row apache2.service proxy host && unit_row shop-health-check.timer timer
  file_row "$UNITS/shop.service" "$(app_unit "${WITNESS:-1111}")"
  [[ -z "${1:-}" ]] || setting_row maintenance "$1"
}

# update [yes]: all steps.
update() {
  rows "${1:-}" | manifest
  install_manifest "${2:-aaaa}" >/dev/null && step daemon-reload >/dev/null || return
  local unit
  for unit in shop.service apache2.service shop-health-check.timer; do step enable "$unit" >>"$ROOT/said" || return; done
  for unit in shop.service apache2.service shop-health-check.timer; do step verify "$unit" >/dev/null || return; done
  cp "$ROOT/health" "$SERVICE_DIR/health"
  step health-check >"$ROOT/checked" && step confirm >/dev/null
}

running() { equal "$(systemctl is-active shop.service)" active; }
resting() { equal "$(systemctl is-active shop.service)" inactive; }
operator() { printf '%s\n' "${@:2}" | helper maintenance shop "$1"; }
held() { (cd "$SERVICE_DIR/maintenance" 2>/dev/null && echo *) || true; }

@test "the configuration begins it: the service stops, the proxy goes on, the steps pass at once" {
  update
  running
  forget_calls
  TRANSACTION=bbbb update yes bbbb
  resting
  equal "$(systemctl is-active apache2.service) $(systemctl is-enabled shop.service)" "active enabled"
  equal "$(calls ' (start|restart) ')" ""
  equal "$(tail -n 3 "$ROOT/said")" "enabled, in maintenance: stopped
enabled, in maintenance: active as before
enabled, in maintenance: active as before"
  [[ "$(tr '\t' '|' <"$SERVICE_DIR/maintenance/config")" =~ ^20[0-9-]+T[0-9:]+[+-][0-9]{4}\|test/stack\|$ ]]
  has "$(cat "$ROOT/checked")" "maintenance yes
passed false"
  has "$(cat "$ROOT/checked")" "external not checked"
}

@test "a first update in it starts nothing at all, and verify takes that for right" {
  update yes
  equal "$(cat "$ROOT/said")" "enabled, in maintenance: not started
enabled, in maintenance: inactive as before
enabled, in maintenance: inactive as before"
  equal "$(calls ' (start|restart) ')" ""
}

@test "another update in it keeps since when, and the configuration's end of it starts all that is stopped" {
  update yes
  cp "$SERVICE_DIR/maintenance/config" "$ROOT/before"
  WITNESS=2222 TRANSACTION=bbbb update yes bbbb
  file_is "$SERVICE_DIR/maintenance/config" "$(cat "$ROOT/before")"
  TRANSACTION=cccc update "" cccc
  equal "$(held)" "*"
  running
  equal "$(systemctl is-active apache2.service) $(systemctl is-active shop-health-check.timer)" "active active"
  has "$(calls '^check ')" "--gate 5 6"
}

@test "an update that fails to begin it leaves the service running; one that fails to end it, in maintenance" {
  update
  rows yes | manifest
  install_manifest bbbb
  TRANSACTION=bbbb step enable shop.service
  set_unit shop.service UnitFileState=masked
  TRANSACTION=bbbb run --separate-stderr step verify shop.service
  equal "$status" 1
  has "$stderr" "the previous configuration is running"
  running
  equal "$(held)" "*"
  set_unit shop.service UnitFileState=enabled
  TRANSACTION=cccc update yes cccc
  says 1 "[2026-01-22 22:14:39] ERROR: it does not answer"
  TRANSACTION=dddd run --separate-stderr update "" dddd
  equal "$status" 1
  has "$stderr" "it does not answer"
  has "$stderr" "the previous configuration is in place, and shop in maintenance as before"
  resting
  equal "$(held)" config
}

@test "a process that runs in spite of it is stopped by the next update" {
  update yes
  set_unit shop.service ActiveState=active
  TRANSACTION=bbbb update yes bbbb
  resting
}

@test "an operator begins and ends it, with a reason, and can say each twice" {
  update
  run --separate-stderr operator on "by bob@desk" "reason a new disk; it's big"
  equal "$status$stderr" 0
  has "$output" "(operator: a new disk; it's big); shop.service is stopped, and stays so over a reboot"
  resting
  since="$(cut -f1 "$SERVICE_DIR/maintenance/operator")"
  operator on "by eve@desk" "reason another"
  file_is "$SERVICE_DIR/maintenance/operator" "$since	eve@desk	another"
  run operator status
  equal "$output" "hold	operator	$since	eve@desk	another
unit	shop.service	inactive"
  set_unit shop-health-check.timer ActiveState=inactive
  forget_calls
  run --separate-stderr operator off
  equal "$status$stderr$output" "0shop.service: started
apache2.service: already running
shop-health-check.timer: started
shop is no longer in maintenance, and healthy"
  has "$(calls '^check ')" "--gate 5 6"
  equal "$(held)" "*"
  run operator off
  equal "$status" 0
  equal "$(record_of '^maintenance' | cut -f1-3 | sort | uniq -c | xargs)" "2 maintenance off 0 2 maintenance on 0"
}

@test "without anything on stdin it's held by whoever became root" {
  update
  SUDO_USER=deploy helper maintenance shop on </dev/null
  equal "$(cut -f2,3 "$SERVICE_DIR/maintenance/operator")" "deploy	"
}

@test "what is said can't write more than its field" {
  update
  printf 'by bob\tx\nreason \033[31mred\ttwo\n' | helper maintenance shop on
  equal "$(cut -f2- "$SERVICE_DIR/maintenance/operator")" "bobx	[31mredtwo"
}

@test "off while the configuration holds it too lets go, says so, and starts nothing" {
  update
  operator on
  TRANSACTION=bbbb update yes bbbb
  equal "$(held)" "config operator"
  forget_calls
  fails 1 operator off
  has "$stderr" "the configuration still keeps shop in maintenance"
  equal "$(held)" config
  resting
  equal "$(calls ' (start|restart) ')" ""
}

@test "an update without it in its configuration ends only its own hold" {
  update
  operator on
  TRANSACTION=bbbb update yes bbbb
  TRANSACTION=cccc update "" cccc
  equal "$(held)" operator
  resting
}

@test "off of a service that doesn't start, or isn't healthy, fails with the reason; the timer runs all the same" {
  update
  operator on
  set_unit shop-health-check.timer ActiveState=inactive
  set_unit shop.service start=fail
  run --separate-stderr operator off
  equal "$status" 1
  has "$stderr" "shop.service didn't start"
  has "$stderr" "shop is no longer in maintenance, but not all of it started"
  equal "$(systemctl is-active shop-health-check.timer)" active
  set_unit shop.service start=
  says 1 "[2026-01-22 22:14:39] ERROR: it does not answer"
  run --separate-stderr operator off
  equal "$status" 1
  has "$stderr" "shop is no longer in maintenance, but the service isn't healthy 5 s after the start: it does not answer"
}

@test "it's refused while an update is open, for another stack's service, and where nothing is installed" {
  fails 4 operator on
  equal "$stderr" "nothing of shop is installed on this host"
  absent "$SERVICE_DIR"
  update
  fails 4 operator on "stack other/prod"
  has "$stderr" "shop belongs to stack test/stack on this host, not to other/prod"
  operator on "stack test/stack"
  operator off
  rows yes | manifest
  install_manifest bbbb
  fails 4 operator on
  equal "$stderr" "an update of shop is open; try again when it's confirmed or rolled back"
}

@test "other words than on, off and status are a wrong call" {
  update
  for word in pause '' shop; do
    run helper maintenance shop $word </dev/null
    equal "$status" 2
  done
}

@test "killed at any point, on and off can be run again" {
  update
  local point=1
  for verb in on off; do
    for point in 1 2 3; do
      kill_at "$point"
      operator "$verb" >/dev/null 2>&1 || true
      rm "$ROOT/host/lib/fault.bash"
      run operator "$verb"
      equal "$status" 0
      if [[ "$verb" == on ]]; then resting; else running; fi
      [[ "$verb" == on ]] || operator on >/dev/null
    done
  done
}

@test "a reboot in the middle of an update that ends it leaves it as it was" {
  update yes
  rows | manifest
  install_manifest bbbb
  equal "$(held)" "*"
  sed -i 's/^[^ ]*/another-boot/' "$SERVICE_DIR/transaction/deadline"
  helper recover shop
  equal "$(held)" config
  resting
}

@test "the probe tells who holds it" {
  update
  operator on "by bob@desk" "reason a new disk"
  : >"$SERVICE_DIR/maintenance/config"
  run bash -s -- service=shop version=1 user=root group=root directory="$APP" executable=/bin/sh port=1 unit=shop.service \
    < <(cat "$ROOT/host/lib/observe.bash" "$ROOT"/host/probe/{tell,look,requirements,installed,main}.bash && printf 'main "$@"\n')
  equal "$(grep ^maintenance <<<"$output" | sed 's/20[^ \t]*T[^\t]*/WHEN/')" "maintenance	config			
maintenance	operator	WHEN	bob@desk	a new disk"
}
