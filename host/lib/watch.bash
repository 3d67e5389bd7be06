# Who takes an update back when nobody else can: a watch while the host is up, the recovery unit at the next boot.
# shellcheck shell=bash

# How long a rollback waits for steps that are still at work: every step ends by itself.
readonly ROLLBACK_LOCK_WAIT_SEC=300

# arm_rollback: before the transaction is opened, so that no moment is without. From then on the host returns by itself,
# whatever becomes of the operator, the connection or this process. A transient service of its own: it survives the session and
# daemon-reload, and is started again if somebody kills it. After a reboot the recovery unit takes its place.
arm_rollback() {
  # shellcheck disable=SC2153 # set in helper
  local unit="pulumi-systemd-ha-watch-$SERVICE-$TRANSACTION-$$"
  without_locks systemd-run --quiet --collect --unit="$unit" --description="Rollback of $SERVICE unless its update is confirmed in time" \
    --property=Restart=on-failure --property=RestartSec=5 --property=StartLimitIntervalSec=0 --property=OOMScoreAdjust=-900 \
    --setenv=PULUMI_SYSTEMD_HA_TIMED=0 -- /bin/bash "$HERE/helper" watch "$SERVICE" --transaction "$TRANSACTION" </dev/null >/dev/null 2>&1 ||
    fail "$EXIT_FAILED" "cannot start $unit, which would take the update back if the connection breaks; systemd's reason is in journalctl -b -u init.scope"
}

# arm_recovery MANIFEST: the unit that does it at boot, before anything else is put into place.
arm_recovery() {
  local unit path key mode owner
  unit="$(unit_with_role "$1" recovery)"
  [[ -n "$unit" ]] || return 0
  IFS=$'\037' read -r _ path _ mode owner _ key _ < <(awk -F '\t' -v path="/etc/systemd/system/$unit" '$1 == "file" && $2 == path { gsub(/\t/, "\037"); print }' "$1")
  is_in_place "$SERVICE_DIR/stage/$key" "$path" "$mode" "$owner" || note_changed "$path"
  put_file "$SERVICE_DIR/stage/$key" "$path" "$mode" "$owner"
  enable_link "$unit"
  sync /etc/systemd/system/multi-user.target.wants 2>/dev/null || true
}

# watch: waits for the end of the transaction, or for its deadline, which every step of the update puts off.
verb_watch() {
  # Who armed it holds the locks until the transaction is open.
  lock_rollback
  release_locks
  while is_transaction "$TRANSACTION" || is_swapped_out "$TRANSACTION"; do
    if ! is_due; then
      sleep 1
      continue
    fi
    # A step that is still at work ends first; it may have put the deadline off meanwhile.
    take_lock "$SERVICE_DIR/looking.lock" --exclusive "$ROLLBACK_LOCK_WAIT_SEC"
    lock_rollback
    finish_swap
    if is_transaction "$TRANSACTION" && is_due; then
      roll_back "it wasn't confirmed in time; the connection or the operator's machine may have failed"
      break
    fi
    release_locks
  done
}

# recover: at boot, before the managed units start. One of this boot is the watch's, unless a rollback has begun, which may be
# the first attempt of this at the same boot.
verb_recover() {
  lock_rollback
  finish_swap
  if [[ ! -d "$SERVICE_DIR/transaction" || ! -s "$SERVICE_DIR/transaction/reason" && "$(cut -d' ' -f1 "$SERVICE_DIR/transaction/deadline" 2>/dev/null)" == "$(</proc/sys/kernel/random/boot_id)" ]]; then
    say "no update was broken off"
    return 0
  fi
  TRANSACTION="$(cat "$SERVICE_DIR/transaction/id")"
  roll_back "the host restarted in the middle of it" --boot
}

# is_due: out of time; or a step has begun to take it back, and if it died meanwhile, its lock is free.
is_due() { [[ -s "$SERVICE_DIR/transaction/reason" ]] || (($(seconds_left) <= 0)); }

lock_rollback() {
  lock_service "$ROLLBACK_LOCK_WAIT_SEC"
  lock_host "$ROLLBACK_LOCK_WAIT_SEC"
}

# seconds_left: until the open transaction's deadline; nothing is left of one from before a reboot.
seconds_left() {
  local boot='' deadline=0
  read -r boot deadline 2>/dev/null <"$SERVICE_DIR/transaction/deadline" || true
  if [[ "$boot" == "$(</proc/sys/kernel/random/boot_id)" ]]; then echo $((deadline - $(uptime_sec))); else echo 0; fi
}

# is_transaction ID: it's the open one.
is_transaction() { [[ -d "$SERVICE_DIR/transaction" && "$(cat "$SERVICE_DIR/transaction/id" 2>/dev/null)" == "$1" ]]; }

# is_swapped_out ID: it was to be replaced by a next one, and isn't yet.
is_swapped_out() { [[ ! -d "$SERVICE_DIR/transaction" && "$(cat "$SERVICE_DIR/transaction.old/id" 2>/dev/null)" == "$1" ]]; }
