#!/usr/bin/env bats
# An update that nobody confirms: the watch takes it back after the deadline, or the recovery at boot does.

load support/host
load support/rollback

setup() {
  new_host
  # What the watch does while it waits: $ROOT/on-sleep.
  mkdir "$ROOT/bin"
  printf '#!/bin/bash\nprintf "sleep %%s\\n" "$*" >>"$ROOT/calls"\n[[ ! -e "$ROOT/on-sleep" ]] || . "$ROOT/on-sleep"\n' >"$ROOT/bin/sleep"
  chmod +x "$ROOT/bin/sleep"
  PATH="$ROOT/bin:$PATH"
}

# broken_off: an update of which nothing is heard after its service was restarted.
broken_off() {
  settle_old
  { install_manifest && step daemon-reload && step enable shop.service && step enable added.timer; } >/dev/null
  forget_calls
}
# on_sleep SCRIPT: at the third time.
on_sleep() { printf '[[ "$(grep -c ^sleep "$ROOT/calls")" != 3 ]] || { %s; }\n' "$1" >"$ROOT/on-sleep"; }
deadline() { cut -d' ' -f2 "$SERVICE_DIR/transaction/deadline"; }

@test "the watch takes it back after the deadline, and not before" {
  broken_off
  on_sleep 'cat "$ROOT/etc/systemd/system/shop.service" >"$ROOT/tmp/seen"; sed -i "s/ .*/ 0/" "$ROOT/var/lib/pulumi-systemd-ha/shop/transaction/deadline"'
  run --separate-stderr watch
  equal "$status $stderr" "0 the update was rolled back: the previous configuration is running"
  equal "$(count_calls '^sleep')" 3
  file_is "$ROOT/tmp/seen" "$(unit_text new)"
  is_as_before
  has "$(record_of roll-back)" "it wasn't confirmed in time"
}

@test "the watch ends when the update is confirmed" {
  broken_off
  on_sleep 'rm -r "$ROOT/var/lib/pulumi-systemd-ha/shop/transaction"'
  run --separate-stderr watch
  equal "$status$output$stderr" 0
  file_is "$UNITS/shop.service" "$(unit_text new)"
}

@test "the watch ends when another update is open" {
  broken_off
  install_manifest bbbb
  expire
  run --separate-stderr watch aaaa
  equal "$status$output$stderr" 0
  file_is "$SERVICE_DIR/transaction/id" bbbb
  watch bbbb
  is_as_before
}

@test "an update that was armed and never opened is none" {
  settle_old
  run --separate-stderr watch
  equal "$status$output$stderr" 0
  is_as_before
}

# holding FILE: another process holds that lock until the third look at it.
holding() {
  exec 9>>"$1"
  flock --shared 9
}

@test "the watch waits for a step that is still at work, which puts the deadline off" {
  broken_off
  local lock
  for lock in lock looking.lock; do
    expire
    holding "$SERVICE_DIR/$lock"
    watch 9>&- 3>&- &
    local watching=$!
    "$REAL_SLEEP" 0.5
    file_is "$UNITS/shop.service" "$(unit_text new)"
    printf '%s 99999999\n' "$(</proc/sys/kernel/random/boot_id)" >"$SERVICE_DIR/transaction/deadline"
    # It was put off: the watch goes on, until there is nothing to watch.
    printf 'rm -rf "$ROOT/tmp/open" && mv "$ROOT/var/lib/pulumi-systemd-ha/shop/transaction" "$ROOT/tmp/open"\n' >"$ROOT/on-sleep"
    exec 9>&-
    wait "$watching"
    file_is "$UNITS/shop.service" "$(unit_text new)"
    mv "$ROOT/tmp/open" "$SERVICE_DIR/transaction"
  done
}

@test "every step puts the deadline off" {
  printf '#!/bin/bash\n' >"$ROOT/check" && chmod +x "$ROOT/check"
  : >"$ROOT/tmp/empty"
  settle_old
  set_unit added.timer ActiveState=active
  install_manifest
  mkdir -p "$SERVICE_DIR" && : >"$SERVICE_DIR/health"
  local verb
  for verb in daemon-reload "enable shop.service" "verify added.timer" health-check; do
    expire
    # shellcheck disable=SC2086 # words
    step $verb >/dev/null
    (($(deadline) > 0)) || { echo "$verb didn't" >&2 && return 1; }
  done
}

@test "at boot it's taken back, and nothing is waited for" {
  broken_off
  another_boot
  set_unit shop.service ActiveState=inactive InvocationID=
  set_unit extra.service ActiveState=inactive InvocationID=
  run --separate-stderr recover
  equal "$status $stderr" "0 the update was rolled back: the previous configuration is in place"
  is_as_before
  equal "$(calls 'systemctl (start|restart|stop)' | grep -v -- --no-block)" ""
  equal "$(calls 'systemctl start')" $'systemctl start --no-block -- shop.service\nsystemctl start --no-block -- extra.service'
  has "$(record_of roll-back)" "the host restarted in the middle of it"
}

@test "a service that started before the recovery could is restarted" {
  broken_off
  another_boot
  recover 2>/dev/null
  has "$(calls 'systemctl restart')" "systemctl restart --no-block -- shop.service"
  is_as_before
}

@test "the recovery leaves an update of this boot to the watch" {
  broken_off
  run --separate-stderr recover
  equal "$status $output" "0 no update was broken off"
  file_is "$SERVICE_DIR/transaction/id" aaaa
  helper watch shop --transaction ffff </dev/null
  rm -r "$SERVICE_DIR/transaction"
  equal "$(recover)" "no update was broken off"
}

@test "a recovery of an update that was confirmed only tidies up" {
  broken_off
  kill_at 1
  run step confirm
  kill_at 0
  another_boot
  recover
  absent "$SERVICE_DIR/transaction"
  file_is "$UNITS/shop.service" "$(unit_text new)"
}

# killed_swap: a second update died between its two renames, where no update is open.
killed_swap() {
  broken_off
  kill_at 0
  run install_manifest bbbb
  local point
  point="$(grep -n swap-transaction "$ROOT/fault-points" | cut -d: -f1)"
  # As it was before that.
  broken_off_again
  kill_at "$point"
  run install_manifest bbbb
  kill_at 0
  absent "$SERVICE_DIR/transaction"
}
broken_off_again() {
  sed -i 's/.*/aaaa/' "$SERVICE_DIR/transaction/id"
  forget_calls
}

@test "an update that was to be replaced by one that died is taken back, by its watch or at boot" {
  killed_swap
  cp -a "$ROOT" "$BATS_TEST_TMPDIR/kept"
  watch aaaa
  is_as_before
  rm -rf "$ROOT" && mv "$BATS_TEST_TMPDIR/kept" "$ROOT"
  printf '%s 1\n' another >"$SERVICE_DIR/transaction.old/deadline"
  recover
  is_as_before
}

@test "a rollback that can't be done is tried again" {
  broken_off
  expire
  set_unit . daemon-reload-once=fail
  fails 1 watch
  has "$stderr" "it's tried again"
  (($(deadline) > 0))
  expire
  watch
  is_as_before
  # With the first one's reason.
  has "$(record_of roll-back | tail -n 1)" "it wasn't confirmed in time"
}

@test "a rollback at boot that can't be done is tried again at the same boot" {
  broken_off
  another_boot
  set_unit . daemon-reload-once=fail
  fails 1 recover
  has "$stderr" "it's tried again"
  [[ -d "$SERVICE_DIR/transaction" ]]
  recover 2>/dev/null
  is_as_before
  has "$(record_of roll-back | tail -n 1)" "the host restarted in the middle of it"
}

@test "a rollback that was killed anywhere is finished by the next watch, the recovery, or a failing step" {
  broken_off
  expire
  snapshot open
  kill_at 0
  watch
  local points point how=0
  points="$(points_passed)"
  cp "$ROOT/fault-points" "$BATS_TEST_TMPDIR/points"
  for point in $points; do
    back_to open
    kill_at "$point"
    run watch
    equal "$point $status" "$point 137"
    kill_at 0
    how=$(((how + 1) % 3))
    if [[ -d "$SERVICE_DIR/transaction" ]]; then
      case "$how" in
        0) expire && watch ;;
        1) another_boot && recover ;;
        2) taken_back 1 step verify nothing.service ;;
      esac
    else
      # Only what it's called by was left.
      install_manifest bbbb && TRANSACTION=bbbb taken_back 1 step verify nothing.service
    fi
    is_as_before
  done
  for point in rolling-back put-back-file put-back rolled-back-reload rolled-back ended; do grep -qx "$point" "$BATS_TEST_TMPDIR/points"; done
}
