# The host's part of a drill (scripts/drill): while a failure is made on purpose, a guard holds the service's lock, so that no update
# and no maintenance comes between, and sets all right again in case the operator's machine doesn't.
#
#   drill SERVICE arm < lines `stack PROJECT/STACK`, `seconds N`    before each failure: starts the guard, if all is healthy
#   drill SERVICE settle                                            after it: ends the guard, sets all right
#   drill SERVICE guard                                             itself; started by systemd
#
# SERVICE_DIR/drill: since when, in seconds since 1970.
# shellcheck shell=bash

drill_guard_unit() { echo "pulumi-systemd-ha-drill-$SERVICE.service"; }

verb_drill() {
  [[ -f "$SERVICE_DIR/manifest" || -d "$SERVICE_DIR/transaction" ]] || fail "$EXIT_REFUSED" "nothing of $SERVICE is installed on this host"
  case "$SUBJECT" in
    arm) arm_drill ;;
    settle) settle_drill ;;
    guard) guard_drill ;;
  esac
}

# refuse_drill: who else works on the service has precedence.
refuse_drill() {
  lock_service
  finish_swap
  [[ ! -d "$SERVICE_DIR/transaction" ]] || fail "$EXIT_REFUSED" "an update of $SERVICE is open; try again when it's confirmed or rolled back"
  ! is_in_maintenance || fail "$EXIT_REFUSED" "$SERVICE is in maintenance $(holds)"
}

# refuse_used_up: nothing would be repaired in this drill.
refuse_used_up() {
  local unit recent script max window
  script="$(setting healthCheckScript)"
  max="$(script_setting MAX_REPAIRS "$script")" window="$(script_setting REPAIR_WINDOW_SEC "$script")"
  [[ -n "$max" && -n "$window" ]] || return 0
  while IFS= read -r unit; do
    recent="$(noted_by_check "repairs.$unit" | awk -v from="$((EPOCHSECONDS - window))" '$1 > from' | sort -n)" || true
    [[ -z "$recent" ]] || (($(wc -l <<<"$recent") < max)) ||
      fail "$EXIT_REFUSED" "$unit was repaired $max times in the last $window s, so the health check would repair nothing in a drill; try again after $(date -d "@$(($(tail -n "$max" <<<"$recent" | head -n 1) + window))" '+%Y-%m-%d %H:%M:%S')"
  done < <(unit_with_role "$(current_manifest)" service && unit_with_role "$(current_manifest)" proxy)
}

# script_setting NAME SCRIPT: a number of the health check's.
script_setting() { sed -n "s/^readonly $1='\([0-9]*\)'\$/\1/p" "$2"; }

arm_drill() {
  local seconds timer output
  seconds="$(said seconds)"
  [[ "$seconds" =~ ^[1-9][0-9]{0,4}$ ]] || usage
  [[ "$(unit_property "$(drill_guard_unit)" ActiveState)" != active ]] ||
    fail "$EXIT_REFUSED" "another drill of $SERVICE is in progress, or was broken off; its guard sets all right when its time is over, \`$HERE/helper drill $SERVICE settle\` at once"
  refuse_drill
  refuse_foreign_stack
  timer="$(unit_with_role "$(current_manifest)" timer)"
  [[ "$(unit_property "$timer" ActiveState)" == active ]] || fail "$EXIT_REFUSED" "$timer isn't running, so nothing would repair $SERVICE; run \`pulumi up\` first"
  # A moment, for a check that is running.
  output="$(without_locks "$(setting healthCheckScript)" --gate 5 2>&1)" ||
    fail "$EXIT_REFUSED" "$SERVICE isn't healthy: $(safe_lines <<<"$output" | first_error)"
  refuse_used_up
  # The guard takes it. A sleeping service, not a timer: every daemon-reload begins a timer's time again (systemd 252).
  release_locks
  systemd-run --quiet --collect --unit="$(drill_guard_unit)" --description="Sets $SERVICE right after a drill that was broken off" \
    --service-type=notify --property=NotifyAccess=all --property=TimeoutStartSec=60 \
    --setenv=PULUMI_SYSTEMD_HA_TIMED=0 --setenv=PULUMI_SYSTEMD_HA_DRILL_SEC="$seconds" \
    -- /bin/bash "$HERE/helper" drill "$SERVICE" guard </dev/null >/dev/null 2>&1 ||
    fail "$EXIT_REFUSED" "cannot start $(drill_guard_unit), which would set all right if the connection breaks; its reason is in journalctl -u $(drill_guard_unit)"
}

guard_drill() {
  # By `settle`, or with the host: nothing is left to do then.
  trap 'FINISHED=yes; exit 0' TERM
  refuse_drill
  write_whole "$SERVICE_DIR/drill" printf '%(%s)T\n' -1
  systemd-notify --ready
  # shellcheck disable=SC2034 # read in helper
  sleep "$PULUMI_SYSTEMD_HA_DRILL_SEC" || { FINISHED=yes && exit 0; }
  set_right
}

settle_drill() {
  systemctl stop -- "$(drill_guard_unit)" 2>/dev/null || true
  refuse_drill
  set_right
  gate 0 "all was started after the drill, but"
  say "$SERVICE is healthy"
}

# set_right: undoes what a drill does to the service and its proxy, whichever it was.
set_right() {
  local unit units status=0
  mapfile -t units < <(unit_with_role "$(current_manifest)" service && unit_with_role "$(current_manifest)" proxy)
  # All of them before any start, which may take its whole time.
  for unit in "${units[@]}"; do systemctl kill --signal=CONT -- "$unit" 2>/dev/null || true; done
  for unit in "${units[@]}"; do (start_unit start "$unit") || status=1; done
  forget_drilled_repairs
  ((status == 0)) || fail "$EXIT_FAILED" "not all of $SERVICE started after the drill; the health check goes on repairing it"
}

# forget_drilled_repairs: those that the health check made since the failure: they mustn't use up what it may do and tell in a real one.
forget_drilled_repairs() {
  local since file
  since="$(cat "$SERVICE_DIR/drill" 2>/dev/null)" || return 0
  for file in "$SERVICE_DIR"/repairs.* "/run/pulumi-systemd-ha-$SERVICE"/repairs.*; do
    # shellcheck disable=SC2016 # awk's
    [[ ! -f "$file" || "$file" == *.new ]] || write_whole "$file" awk -v since="$since" '$1 < since' "$file"
  done
  # Nor do people know of a real one by what they were told meanwhile.
  for file in "$SERVICE_DIR/alerted" "/run/pulumi-systemd-ha-$SERVICE/alerted"; do
    # shellcheck disable=SC2016 # awk's
    [[ ! -f "$file" ]] || write_whole "$file" awk -F '\t' -v since="$since" '!(($2 == "repaired" || $2 == "start-limit") && $1 >= since)' "$file"
  done
  rm -f "$SERVICE_DIR"/failures.* "/run/pulumi-systemd-ha-${SERVICE:?}"/failures.* "$SERVICE_DIR/drill"
}
