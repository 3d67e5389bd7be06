# An update that fails, or isn't confirmed in time, is taken back: files, enabled states and running services as they were.
# shellcheck shell=bash

# How long the health check leaves the field to a rollback; how long systemd may take to reload.
readonly ROLLBACK_SEC=30 RELOAD_LIMIT_SEC=60

# take_back STATUS: a step failed, for FAILURE; called as it exits. Says what is so now, after the step's own words.
take_back() {
  local reason="${FAILURE:-$VERB $SUBJECT ended with status $1}"
  # Before another one has the lock: it may be the watch, which knows no reason.
  ! is_transaction "$TRANSACTION" || keep_reason "$reason"
  release_locks
  lock_rollback
  if is_transaction "$TRANSACTION"; then
    roll_back "$reason"
  elif is_rolled_back; then
    rolled_back 4 >&2 || true
  fi
}

# keep_reason SENTENCE: the first one counts. A full disk stops no rollback.
keep_reason() { [[ -s "$SERVICE_DIR/transaction/reason" ]] || { printf '%s\n' "${1%%$'\n'*}" >"$SERVICE_DIR/transaction/reason"; } 2>/dev/null || true; }

# roll_back REASON [--boot]: can be run again from any half-done point. With --boot nothing is waited for: what is to run is
# ordered after this, or runs already with what was to be taken back, if the first attempt failed.
roll_back() {
  local boot="${2:-}" directory="$SERVICE_DIR/transaction" snapshot="$SERVICE_DIR/transaction/snapshot" outcome reason
  REVISION="$(cat "$directory/revision")"
  if is_confirmed "$directory"; then
    end_transaction
    return 0
  fi
  keep_deadline "$(deadline_in "$ROLLBACK_SEC")"
  keep_reason "$1"
  reason="$(cat "$directory/reason" 2>/dev/null)"
  fault_point rolling-back
  retire_new_units "$snapshot" "$boot"
  put_back_files "$snapshot"
  put_back_links "$snapshot"
  put_back_maintenance "$snapshot"
  # Last of what a reboot needs, before the reload that forgets it.
  put_back_recovery "$snapshot" "$directory/manifest"
  fault_point put-back
  without_locks timeout "$RELOAD_LIMIT_SEC" systemctl daemon-reload ||
    fail "$EXIT_FAILED" "systemctl daemon-reload failed in a rollback; it's tried again"
  fault_point rolled-back-reload
  run_as_before "$snapshot" "$boot"
  outcome="$(outcome_of "$snapshot" "$boot")"
  put_back_originals "$directory"
  # For late steps, who would hear of another update otherwise.
  { printf '%s\t%s\t%(%Y-%m-%d %H:%M:%S)T\t%s\t%s\n' "$(<"$directory/id")" "$REVISION" -1 "$outcome" "$reason" >"$SERVICE_DIR/rolled-back"; } 2>/dev/null || true
  fault_point rolled-back
  # shellcheck disable=SC2153 # set in helper
  VERB=roll-back SUBJECT="$SERVICE" record "$EXIT_FAILED" "$reason; $outcome"
  log_update rolled-back "$reason"
  # Of a return, Pulumi's state knows nothing.
  [[ "$(cut -f4 "$directory/note" 2>/dev/null)" != return ]] || settle_attempts
  remove_transaction
  printf '%s\n' "$outcome" >&2 || true
}

# retire_new_units SNAPSHOT BOOT: what the update brought stops before its files go.
retire_new_units() {
  local unit was active
  while IFS=$'\037' read -r unit was active _; do
    was_absent "$was" "$active" && [[ -z "$(other_owner unit "$unit")" && "$unit" != "$(recovery_unit)" ]] || continue
    stop_unit "$unit" ${2:+--no-block}
    systemctl disable --no-reload -- "$unit" 2>/dev/null || true
    systemctl reset-failed -- "$unit" 2>/dev/null || true
  done < <(kept_rows "$1" unit | tac)
  for unit in $(own_services); do
    [[ "$(kept_as "$1" file "/etc/systemd/system/$unit")" != absent ]] || stop_unit "$unit" ${2:+--no-block}
  done
}

# was_absent UNIT-FILE-STATE ACTIVE-STATE: systemd knew no such unit. One whose file somebody removed may still have run.
was_absent() { [[ -z "$1" && "$2" =~ ^(inactive)?$ ]]; }

# recovery_unit: stays until all the rest is done.
recovery_unit() { unit_with_role "$SERVICE_DIR/transaction/manifest" recovery; }

# put_back_files SNAPSHOT
put_back_files() {
  local path was
  while IFS=$'\037' read -r path _; do
    [[ "$path" != "/etc/systemd/system/$(recovery_unit)" && -z "$(other_owner file "$path")" ]] || continue
    # Of an installation that was killed; before a directory is to be empty.
    rm -f "$(temporary_of "$path")" 2>/dev/null || true
    put_back_file "$1" "$path"
    fault_point put-back-file
  done < <(kept_rows "$1" file)
  put_back_overrides "$1"
  # What a service said of its failure stays.
  while IFS=$'\037' read -r path was _; do
    [[ "$was" != absent || ! -f "$path" || -s "$path" || -L "$path" ]] || rm -f "$path"
  done < <(kept_rows "$1" log)
  put_back_owners "$1"
}

# put_back_links SNAPSHOT: masks, and what is started at boot.
put_back_links() {
  local unit was path content
  while IFS=$'\037' read -r path was _ _ content; do
    [[ "$was" != link ]] || put_link "$1/$content" "$path"
  done < <(kept_rows "$1" mask)
  while IFS=$'\037' read -r unit was _; do
    [[ -z "$(other_owner unit "$unit")" && "$unit" != "$(recovery_unit)" ]] || continue
    case "$was" in
      enabled) systemctl enable --no-reload -- "$unit" 2>/dev/null || true ;;
      enabled-runtime)
        systemctl disable --no-reload -- "$unit" 2>/dev/null || true
        systemctl enable --runtime --no-reload -- "$unit" 2>/dev/null || true
        ;;
      disabled) systemctl disable --no-reload -- "$unit" 2>/dev/null || true ;;
    esac
  done < <(kept_rows "$1" unit)
}

# run_as_before SNAPSHOT BOOT: each unit that ran runs, the service with what it ran with; each other one is as it was.
run_as_before() {
  local unit was active invocation
  while IFS=$'\037' read -r unit was active invocation _; do
    ! was_absent "$was" "$active" && [[ "$unit" != "$(recovery_unit)" ]] || continue
    case "$active" in
      active | activating | reloading | refreshing) run_again "$unit" "$invocation" "$2" ;;
      *) [[ -n "$(other_owner unit "$unit")" || "$(unit_property "$unit" InvocationID)" == "$invocation" ]] || stop_unit "$unit" ${2:+--no-block} ;;
    esac
  done < <(kept_rows "$1" unit)
}

# run_again UNIT INVOCATION BOOT: no restart of a process that was never touched. Of a timer, and of the host's own units, a
# restart would change nothing.
run_again() {
  local unit="$1" invocation="$2" how=start state
  state="$(unit_property "$unit" ActiveState)"
  if [[ "$unit" == "$(service_unit_of "$SERVICE_DIR/transaction/manifest")" && "$state" =~ ^(active|activating|reloading)$ ]]; then
    has_former_settings "$unit" "$invocation" && return 0
    how=restart
  elif [[ "$state" == active ]]; then
    return 0
  fi
  systemctl reset-failed -- "$unit" 2>/dev/null || true
  # Nothing more can be done where it doesn't come up: it's said.
  if [[ -n "$3" ]]; then
    systemctl "$how" --no-block -- "$unit" 2>/dev/null || true
    return 0
  fi
  without_locks timeout "$(start_limit_sec)" systemctl "$how" -- "$unit" >/dev/null 2>&1 || true
  keep_process "$unit"
}

# has_former_settings UNIT INVOCATION: the process is the one from before, or was started by a rollback that broke off.
has_former_settings() {
  local invocation witness
  invocation="$(unit_property "$1" InvocationID)"
  witness="$(witness_of "$1")"
  [[ "$invocation" == "$2" ]] || [[ -n "$witness" && "$(cat "$SERVICE_DIR/process" 2>/dev/null)" == "$invocation $witness" ]]
}

# stop_unit UNIT [--no-block]
stop_unit() {
  [[ "$(unit_property "$1" ActiveState)" =~ ^(inactive|failed)?$ && -z "${2:-}" ]] ||
    without_locks timeout "$(start_limit_sec)" systemctl stop ${2:+"$2"} -- "$1" 2>/dev/null || true
}

# outcome_of SNAPSHOT BOOT: in a sentence, for the operator.
outcome_of() {
  local unit active service down=()
  while IFS=$'\037' read -r unit _ active _; do
    [[ "$active" != active || -n "$2" || "$(settled_state "$unit")" == active ]] || down+=("$unit")
  done < <(kept_rows "$1" unit)
  service="$(service_unit_of "$SERVICE_DIR/transaction/manifest")"
  if ((${#down[@]})); then
    echo "the update was rolled back, but of the previous configuration ${down[*]} doesn't run: see systemctl status ${down[0]}"
  elif [[ -n "$service" && -z "$(kept_as "$1" unit "$service")$(former_dir)" ]]; then
    echo "the update was rolled back: nothing of $SERVICE is installed, as before"
  elif is_in_maintenance; then
    echo "the update was rolled back: the previous configuration is in place, and $SERVICE in maintenance as before"
  else
    echo "the update was rolled back: the previous configuration is $([[ -n "$2" ]] && echo "in place" || echo running)"
  fi
}

# put_back_originals TRANSACTION: what this update added is no original; somebody may change it before the next one.
put_back_originals() {
  if [[ -f "$1/originals" ]]; then
    cmp -s "$1/originals" "$SERVICE_DIR/originals/index" || write_whole "$SERVICE_DIR/originals/index" cat "$1/originals"
  else
    rm -rf "$SERVICE_DIR/originals"
  fi
}

# put_back_recovery SNAPSHOT MANIFEST: without it the links decide at boot what runs.
put_back_recovery() {
  local unit path
  unit="$(unit_with_role "$2" recovery)"
  [[ -n "$unit" ]] || return 0
  [[ "$(kept_as "$1" unit "$unit")" == enabled ]] || systemctl disable --no-reload -- "$unit" 2>/dev/null || true
  path="/etc/systemd/system/$unit"
  rm -f "$(temporary_of "$path")" 2>/dev/null || true
  put_back_file "$1" "$path"
}

# is_rolled_back: the update that this step belongs to was: by its revision, as in require_transaction.
is_rolled_back() { [[ -n "$REVISION" && -f "$SERVICE_DIR/rolled-back" && "$(rolled_back 2)" == "$REVISION" ]]; }

# rolled_back COLUMN: of the last one: id, revision, time, outcome (4), reason (5).
rolled_back() { cut -f"$1" "$SERVICE_DIR/rolled-back" 2>/dev/null; }
