# systemd: daemon-reload, enable --now, is-enabled and is-active, one unit at a time.
# shellcheck shell=bash

# Without the locks: a systemctl that hangs must not keep them after its verb was stopped.
systemctl() { without_locks systemctl "$@"; }

# unit_property UNIT PROPERTY
unit_property() { systemctl show --property="$2" --value -- "$1" 2>/dev/null; }

# daemon-reload: once an update, and only if a unit file was written. systemd's NeedDaemonReload isn't asked alone: it
# misses a first drop-in and a rename with an older time; and systemd 252 forgets the count of the start limit with each reload.
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

# enable UNIT: enabled at boot and running now, with what was installed.
verb_enable() {
  share_service
  require_transaction
  # `install` made its links; whoever took them away since is told by `verify`.
  if is_in_maintenance; then rest "$SUBJECT"; else bring_up "$SUBJECT"; fi
}

# bring_up UNIT: running, with what was installed.
bring_up() {
  local unit="$1" state
  state="$(unit_property "$unit" ActiveState)"
  if [[ "$unit" == *.timer && "$(unit_property "$unit" SubState)" == elapsed ]]; then
    start_unit restart "$unit"
    say "enabled, restarted: it had no next run"
  elif [[ "$state" == active ]] && is_current "$unit"; then
    say "enabled, already running"
  elif [[ "$state" =~ ^(active|activating|reloading)$ ]] && ! is_current "$unit"; then
    # Also one that is just starting: a start would wait for the process that has the former settings.
    start_unit restart "$unit"
    say "enabled, restarted"
  else
    start_unit start "$unit"
    say "enabled, started"
  fi
  keep_process "$unit"
}

# is_current UNIT: does the running process have what the unit says? Three witnesses, the surest first:
# - our own record of the process: which witness it was started with, or was found to be as good as started with;
# - LogExtraFields= of the unit, which systemd writes to a file when it starts a process, and keeps over reloads. An adopted
#   process has none, and one that somebody started from an altered unit has the right one all the same;
# - so whether systemd, before this update reloaded, would have started another process than now.
is_current() {
  local unit="$1" witness had invocation before="$SERVICE_DIR/transaction/process"
  witness="$(witness_of "$unit")"
  [[ -n "$witness" ]] || return 0
  invocation="$(unit_property "$unit" InvocationID)"
  if [[ -n "$invocation" && "$(cat "$SERVICE_DIR/process" 2>/dev/null)" == "$invocation "* ]]; then
    [[ "$(<"$SERVICE_DIR/process")" == "$invocation $witness" ]]
    return
  fi
  had="$(grep -aom 1 'PULUMI_SYSTEMD_HA_WITNESS=[0-9a-f]*' "/run/systemd/units/log-extra-fields:$unit" 2>/dev/null)"
  [[ -z "$had" || "${had#*=}" == "$witness" ]] || return 1
  if [[ -f "$before" && "$(head -n 1 "$before")" == "$invocation" ]]; then
    [[ "$(tail -n +2 "$before")" == "$(process_properties "$unit")" ]]
  else
    # Started within this update, by whatever.
    [[ -n "$had" ]]
  fi
}

# witness_of UNIT: a hash of what only a restart can change; of units that aren't ours there is none.
witness_of() { sed -n 's/^LogExtraFields=PULUMI_SYSTEMD_HA_WITNESS=\([0-9a-f]*\)$/\1/p' "/etc/systemd/system/$1" 2>/dev/null || true; }

# keep_process UNIT: what its process has from now on.
keep_process() {
  local witness
  witness="$(witness_of "$1")"
  [[ -z "$witness" ]] || write_whole "$SERVICE_DIR/process" printf '%s %s\n' "$(unit_property "$1" InvocationID)" "$witness"
}

# start_unit start|restart UNIT: a unit that hit its start limit refuses both until reset-failed.
start_unit() {
  local how="$1" unit="$2" output
  systemctl reset-failed -- "$unit" 2>/dev/null || true
  # No --kill-after, see with_time_limit.
  if ! output="$(without_locks timeout "$(start_limit_sec)" systemctl "$how" -- "$unit" 2>&1)"; then
    fail_with_words "$unit" "$unit didn't $how: $(reason_of "$unit" "$output")"
  fi
  # For the health check, which looks twice then.
  ! [[ "$unit" == "$(service_unit_of "$(current_manifest)")" && -d "$SERVICE_DIR/transaction" ]] || : >"$SERVICE_DIR/transaction/restarted"
  fault_point "$how"
}

# start_limit_sec: a restart also waits for the old process, which may finish what it serves for as long as systemd lets it.
start_limit_sec() { echo $(($(healthy_within_sec) + 45)); }

reason_of() {
  local result status
  result="$(unit_property "$1" Result)"
  status="$(unit_property "$1" ExecMainStatus)"
  [[ "$(unit_property "$1" ActiveState)" != failed ]] || ! gave_up "$1" || result=start-limit-hit
  case "$result" in
    exit-code) echo "its process exited with status $status" ;;
    signal | core-dump) echo "its process was killed by signal $status" ;;
    timeout) echo "it didn't become ready in time" ;;
    start-limit-hit) echo "it failed too often and hit its start limit" ;;
    success | '') safe_lines <<<"${2:-no answer in time}" | head -n 1 ;;
    *) echo "systemd says $result" ;;
  esac
}

# fail_with_words UNIT SENTENCE [TEXT]: the unit's last lines belong to the error; nobody should have to log in for them.
fail_with_words() {
  # shellcheck disable=SC2034 # read in take_back
  FAILURE="$2"
  { printf '%s\n' "${@:2}" && last_words "$1"; } >&2 || true
  record "$EXIT_FAILED" "$2"
  exit "$EXIT_FAILED"
}

# verify UNIT: asked one by one, since `is-enabled a b` succeeds if one of them is.
verb_verify() {
  hold_off_rollback
  require_transaction
  local unit="$SUBJECT" enabled active
  enabled="$(systemctl is-enabled -- "$unit" 2>/dev/null)" || true
  active="$(settled_state "$unit")"
  [[ "$enabled" == enabled ]] || fail "$EXIT_FAILED" "$unit isn't enabled: is-enabled says ${enabled:-nothing}"
  [[ "$active" == active ]] || is_in_maintenance || fail_with_words "$unit" "$unit isn't active: $(reason_of "$unit" "is-active says $active")"
  say "is-enabled $enabled"
  say "is-active $active"
}

# settled_state UNIT: one between two attempts (auto-restart), or that somebody restarts just now, is looked at again for a while.
settled_state() {
  local state seconds=0 within
  within="$(healthy_within_sec)"
  while state="$(systemctl is-active -- "$1" 2>/dev/null || true)" && is_passing "$1" "$state" && ((seconds < within)); do
    sleep 1
    seconds=$((seconds + 1))
  done
  echo "$state"
}

# is_passing UNIT STATE: it doesn't stay so; a restart is down for a moment, with the job for its start still to come.
is_passing() {
  case "$2" in
    activating | deactivating | reloading | refreshing) ;;
    inactive | failed) [[ "$(unit_property "$1" Job)" =~ ^[1-9] ]] ;;
    *) return 1 ;;
  esac
}

# retire_unit UNIT: one of ours is stopped and disabled; one of the host's gets back the state it had, if no other service needs it.
retire_unit() {
  local unit="$1" enabled='' active='' origin
  [[ -z "$(other_owner unit "$unit")" ]] || return 0
  IFS=$'\037' read -r enabled active < <(awk -F '\t' -v unit="$unit" '$1 == "unit" && $2 == unit { print $3 "\037" $4; exit }' "$SERVICE_DIR/originals/index") || true
  origin="$(managed_rows | awk -F '\t' -v unit="$unit" '$1 == "unit" && $2 == unit { print $8; exit }')"
  # Of a unit of the host's nothing is known any more if the originals were lost.
  [[ -n "$enabled$active" || "$origin" != host ]] || return 0
  case "$enabled" in
    enabled | enabled-runtime) ;;
    *) systemctl disable -- "$unit" 2>/dev/null || true ;;
  esac
  # The host's own unit keeps serving if it did; it's never started or restarted by a removal.
  case "$active" in
    active | activating | reloading | refreshing) return 0 ;;
  esac
  systemctl stop -- "$unit" 2>/dev/null || true
  # Somebody's restart may have taken the stop's place.
  [[ ! "$(unit_property "$unit" ActiveState)" =~ ^(active|activating|reloading|deactivating)$ ]] || systemctl stop -- "$unit" 2>/dev/null ||
    fail "$EXIT_FAILED" "$unit doesn't stop; see systemctl status $unit, and run this again"
}
