# systemd: daemon-reload, enable --now, is-enabled and is-active, one unit at a time.
# shellcheck shell=bash

# Without the locks: a systemctl that hangs must not keep them after its verb was stopped.
systemctl() { without_locks systemctl "$@"; }

# unit_property UNIT PROPERTY
unit_property() { systemctl show --property="$2" --value -- "$1" 2>/dev/null; }

# daemon-reload: once an update, and only if a unit file was written. systemd's NeedDaemonReload isn't asked alone: it
# misses a first drop-in and a rename with an older time; and each reload clears the start limit's count.
verb_daemon_reload() {
  lock_service
  lock_host
  require_transaction
  local directory="$SERVICE_DIR/transaction"
  if [[ ! -d "$directory" || -e "$directory/reloaded" ]] || ! needs_reload "$directory"; then
    say "not needed: no unit file was written"
    return 0
  fi
  systemctl daemon-reload || fail "$EXIT_FAILED" "systemctl daemon-reload failed; systemd's reason is in journalctl -b -u init.scope"
  fault_point daemon-reload
  : >"$directory/reloaded"
  say "reloaded"
}

needs_reload() {
  local unit
  grep -q '^/etc/systemd/system/' "$1/changed" && return 0
  while IFS=$'\037' read -r _ unit _; do
    [[ "$(unit_property "$unit" NeedDaemonReload)" != yes ]] || return 0
  done < <(manifest_rows "$1/manifest" unit)
  return 1
}

# enable UNIT [--witness HASH]: enabled at boot and running now, with what was installed.
verb_enable() {
  share_service
  require_transaction
  local unit="$SUBJECT" output state
  # Not where it is already, and without the reload of its own: each one clears the start limit's count.
  if [[ "$(systemctl is-enabled -- "$unit" 2>/dev/null)" != enabled ]]; then
    output="$(systemctl enable --no-reload -- "$unit" 2>&1)" ||
      fail "$EXIT_FAILED" "$unit can't be enabled: $(safe_lines <<<"$output" | tail -n 1)"
  fi
  fault_point enable
  state="$(unit_property "$unit" ActiveState)"
  if [[ "$state" == active ]] && is_current "$unit"; then
    say "enabled, already running"
  elif [[ "$state" =~ ^(active|activating|reloading)$ ]] && ! is_current "$unit"; then
    # Also one that is just starting: a start would wait for the process that has the former settings.
    start_unit restart "$unit"
    say "enabled, restarted"
  else
    start_unit start "$unit"
    say "enabled, started"
  fi
}

# is_current UNIT: does the running process have what the unit says? systemd writes LogExtraFields= of a unit to this file when
# it starts a process, and keeps it over reloads: the witness there is of the process, not of the file.
is_current() {
  [[ -z "$WITNESS" ]] || grep -aqF "PULUMI_SYSTEMD_HA_WITNESS=$WITNESS" "/run/systemd/units/log-extra-fields:$1" 2>/dev/null
}

# start_unit start|restart UNIT: a unit that hit its start limit refuses both until reset-failed.
start_unit() {
  local how="$1" unit="$2" output
  systemctl reset-failed -- "$unit" 2>/dev/null || true
  # No --kill-after, see with_time_limit.
  if ! output="$(without_locks timeout "$WITHIN_SEC" systemctl "$how" -- "$unit" 2>&1)"; then
    fail_with_journal "$unit" "$unit didn't $how: $(reason_of "$unit" "$output")"
  fi
  fault_point "$how"
}

reason_of() {
  local result status
  result="$(unit_property "$1" Result)"
  status="$(unit_property "$1" ExecMainStatus)"
  case "$result" in
    exit-code) echo "its process exited with status $status" ;;
    signal | core-dump) echo "its process was killed by signal $status" ;;
    timeout) echo "it didn't become ready in time" ;;
    start-limit-hit) echo "it failed too often and hit its start limit" ;;
    success | '') safe_lines <<<"${2:-no answer within $WITHIN_SEC s}" | head -n 1 ;;
    *) echo "systemd says $result" ;;
  esac
}

# fail_with_journal UNIT SENTENCE: the unit's last lines belong to the error; nobody should have to log in for them.
fail_with_journal() {
  printf '%s\nlast lines of journalctl -u %s:\n' "$2" "$1" >&2 || true
  last_journal_lines "$1" | sed 's/^/  /' >&2 || true
  record "$EXIT_FAILED" "$2"
  exit "$EXIT_FAILED"
}

# verify UNIT: asked one by one, since `is-enabled a b` succeeds if one of them is.
verb_verify() {
  require_transaction
  local unit="$SUBJECT" enabled active
  enabled="$(systemctl is-enabled -- "$unit" 2>/dev/null)" || true
  active="$(settled_state "$unit")"
  [[ "$enabled" == enabled ]] || fail "$EXIT_FAILED" "$unit isn't enabled: is-enabled says ${enabled:-nothing}"
  [[ "$active" == active ]] || fail_with_journal "$unit" "$unit isn't active: is-active says $active"
  say "is-enabled $enabled"
  say "is-active $active"
}

# settled_state UNIT: a unit between two attempts (auto-restart) is looked at again for a while.
settled_state() {
  local state seconds=0
  while state="$(systemctl is-active -- "$1" 2>/dev/null || true)" && [[ "$state" == activating || "$state" == reloading ]] && ((seconds < WITHIN_SEC)); do
    sleep 1
    seconds=$((seconds + 1))
  done
  echo "$state"
}

# retire_unit UNIT: one of ours is stopped and disabled; one of the host's gets back the state it had, if no other service needs it.
retire_unit() {
  local unit="$1" enabled active
  [[ -z "$(other_owner unit "$unit")" ]] || return 0
  IFS=$'\037' read -r enabled active < <(awk -F '\t' -v unit="$unit" '$1 == "unit" && $2 == unit { print $3 "\037" $4; exit }' "$SERVICE_DIR/originals/index") || true
  case "${enabled:-}" in
    '') systemctl disable --now -- "$unit" 2>/dev/null || true ;;
    disabled) systemctl disable -- "$unit" 2>/dev/null || true ;;
  esac
  # The host's own unit keeps serving if it did; it's never started or restarted by a removal.
  [[ -z "${enabled:-}" || "${active:-}" == active || "${active:-}" == activating ]] || systemctl stop -- "$unit" 2>/dev/null || true
}
