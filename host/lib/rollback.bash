# An update that fails, or isn't confirmed in time, is taken back: files, enabled states and running services as they were.
# shellcheck shell=bash

# How long the health check leaves the field to a rollback, and after what time a rollback that failed is tried again; how long
# one waits for steps that are still at work: every step ends by itself.
readonly ROLLBACK_SEC=30 ROLLBACK_LOCK_WAIT_SEC=300 RELOAD_LIMIT_SEC=60

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

# recover: at boot, before the managed units start. One of this boot is the watch's.
verb_recover() {
  lock_rollback
  finish_swap
  if [[ ! -d "$SERVICE_DIR/transaction" || "$(cut -d' ' -f1 "$SERVICE_DIR/transaction/deadline" 2>/dev/null)" == "$(</proc/sys/kernel/random/boot_id)" ]]; then
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

# keep_reason SENTENCE: the first one counts.
keep_reason() { [[ -s "$SERVICE_DIR/transaction/reason" ]] || write_whole "$SERVICE_DIR/transaction/reason" printf '%s\n' "${1%%$'\n'*}"; }

# roll_back REASON [--boot]: can be run again from any half-done point. With --boot nothing is waited for: what is to run is
# ordered after this, or runs already with what was to be taken back, if the first attempt failed.
roll_back() {
  local boot="${2:-}" directory="$SERVICE_DIR/transaction" snapshot="$SERVICE_DIR/transaction/snapshot" outcome
  REVISION="$(cat "$directory/revision")"
  if is_confirmed "$directory"; then
    end_transaction
    return 0
  fi
  keep_deadline "$(deadline_in "$ROLLBACK_SEC")"
  keep_reason "$1"
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
  write_whole "$SERVICE_DIR/rolled-back" printf '%s\t%s\t%(%Y-%m-%d %H:%M:%S)T\t%s\t%s\n' "$(cat "$directory/id")" "$REVISION" -1 "$outcome" "$(<"$directory/reason")"
  fault_point rolled-back
  VERB=roll-back SUBJECT="$SERVICE" record "$EXIT_FAILED" "$(<"$directory/reason"); $outcome"
  log_update rolled-back "$(<"$directory/reason")"
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
    [[ "$was" != absent || -s "$path" || -L "$path" ]] || rm -f "$path"
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
    write_whole "$SERVICE_DIR/originals/index" cat "$1/originals"
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
is_rolled_back() { [[ -n "$REVISION" && "$(rolled_back 2)" == "$REVISION" ]]; }

# rolled_back COLUMN: of the last one: id, revision, time, outcome (4), reason (5).
rolled_back() { cut -f"$1" "$SERVICE_DIR/rolled-back" 2>/dev/null; }
