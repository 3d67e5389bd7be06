#!/usr/bin/env bats
# One at a time, and who it is.

load support/host

setup() { new_host; }

# hold FILE: another process holds the lock, as an update under way does, until the test ends.
hold() {
  mkdir -p "${1%/*}"
  exec 7>>"$1"
  flock 7
  printf 'install shop by mia since 2026-01-22 22:14:39, process 4711\n' >"$1.holder"
}

@test "a held lock is waited for, then refused with who holds it since when and why" {
  unit_row shop.service | manifest
  hold "$SERVICE_DIR/lock"
  fails 4 install_manifest
  equal "$stderr" "another operation holds $SERVICE_DIR/lock: install shop by mia since 2026-01-22 22:14:39, process 4711; try again when it has ended"
  equal "$(record_of . | cut -f1-3)" $'install\tshop\t4'
  absent "$SERVICE_DIR/transaction"
}

@test "the lock that a host's services share is waited for too" {
  unit_row shop.service | manifest
  hold "$STATE_DIR/.lock"
  fails 4 install_manifest
  has "$stderr" "another operation holds $STATE_DIR/.lock: install shop by mia"
}

is_waiting() {
  local process
  for process in $(process_of install); do pgrep -P "$process" flock && return 0; done
  return 1
}

@test "a lock that is given back in time lets the step go on" {
  unit_row shop.service | manifest
  sed -i 's/LOCK_WAIT_SEC=.*/LOCK_WAIT_SEC=30/' "$ROOT/host/lib/lock.bash"
  hold "$SERVICE_DIR/lock"
  install_manifest 7>&- 3>&- &
  eventually is_waiting
  exec 7>&-
  wait $!
  file_is "$SERVICE_DIR/transaction/id" aaaa
}

@test "every verb that changes something waits for the lock" {
  unit_row shop.service | settle
  hold "$SERVICE_DIR/lock"
  local verb
  for verb in daemon-reload confirm "enable shop.service"; do
    # shellcheck disable=SC2086 # verb and unit
    fails 4 step $verb
  done
  fails 4 helper uninstall shop </dev/null
}

@test "a control character in the holder's name doesn't reach the terminal" {
  unit_row shop.service | manifest
  hold "$SERVICE_DIR/lock"
  printf 'install by \033[31mmia\n' >"$SERVICE_DIR/lock.holder"
  fails 4 install_manifest
  has "$stderr" "install by [31mmia;"
}

@test "a lock that can't be opened is said in a sentence" {
  unit_row shop.service | manifest
  mkdir -p "$SERVICE_DIR/lock"
  fails 1 install_manifest
  has "$stderr" "cannot write $SERVICE_DIR/lock; is the disk full or read-only?"
}

@test "the holder is named by verb, person, time and process" {
  unit_row shop.service | manifest
  SUDO_USER=mia install_manifest
  [[ "$(<"$SERVICE_DIR/lock.holder")" =~ ^install\ shop\ by\ mia\ since\ [0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8},\ process\ [0-9]+$ ]]
}

@test "what a step starts doesn't inherit its locks" {
  : >"$ROOT/inherited-locks"
  { unit_row shop.service && unit_row old.service && file_row "$UNITS/old.service" old; } | settle
  { unit_row shop.service && file_row "$UNITS/shop.service" new; } | manifest
  install_manifest
  step daemon-reload
  step enable shop.service
  step confirm
  helper uninstall shop </dev/null
  (($(count_calls systemctl) > 10))
  file_is "$ROOT/inherited-locks" ""
}

@test "a start that outlives its killed step keeps no lock" {
  unit_row shop.service | manifest
  install_manifest
  set_unit shop.service start=hang UnitFileState=enabled
  step enable shop.service 3>&- &
  eventually has_called "systemctl start"
  # shellcheck disable=SC2046 # several ids
  kill -KILL $(process_of enable)
  set_unit shop.service start=
  step enable shop.service
}

@test "units start side by side" {
  { unit_row slow.service && unit_row quick.service; } | WITHIN=60 manifest
  install_manifest
  set_unit slow.service start=hang
  step enable slow.service 3>&- 2>/dev/null &
  eventually has_called "systemctl start -- slow"
  step enable quick.service
  # The slow one still runs.
  process_of enable
  # What changes the files waits all the same.
  fails 4 step confirm
  # shellcheck disable=SC2046 # several ids
  kill $(process_of enable)
}

@test "a service may be named like a file of the state directory" {
  mkdir -p "$STATE_DIR"
  helper stage lock /etc/x --revision abc123 </dev/null
  printf 'pulumi-systemd-ha-manifest\t1\tlock\ttest\n' >"$ROOT/manifest"
  cat <(echo "revision $(revision)") "$ROOT/manifest" | helper install lock --transaction aaaa
  file_is "$STATE_DIR/lock/transaction/id" aaaa
}
