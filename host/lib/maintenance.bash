# Maintenance: the service is kept stopped on purpose, over reboots too, until nobody holds it any more.
#
# SERVICE_DIR/maintenance/{config,operator}: who holds it: the stack's configuration (set and cleared by `install`), and people
# (by the verb below). A line of since when, by whom, why. The service's unit has a condition for each, so that nothing starts
# it; the health check repairs nothing.
# shellcheck shell=bash

readonly OWNERS=(config operator)

# hold_of OWNER: its file.
hold_of() { echo "$SERVICE_DIR/maintenance/$1"; }

# is_in_maintenance: also by a file that somebody made by hand, whatever is in it.
is_in_maintenance() { [[ -e "$(hold_of config)" || -e "$(hold_of operator)" ]]; }

# hold_fields OWNER: since when, by whom, why, with \037 between them.
hold_fields() {
  local since='' by='' reason=''
  IFS=$'\t' read -r since by reason <"$(hold_of "$1")" || true
  printf '%s\037%s\037%s\n' "${since:-an unknown time}" "${by:-somebody}" "$reason" | LC_ALL=C tr -d '\000-\011\013-\036\177'
}

# holds: in words, for people.
holds() {
  local owner since by reason text=''
  for owner in "${OWNERS[@]}"; do
    [[ -e "$(hold_of "$owner")" ]] || continue
    IFS=$'\037' read -r since by reason < <(hold_fields "$owner")
    text+="${text:+ and }since $since ($owner: ${reason:-$by})"
  done
  printf '%s\n' "$text"
}

# hold OWNER BY REASON: again, it keeps since when.
hold() {
  local owner="$1" since
  since="$(cut -f1 "$(hold_of "$owner")" 2>/dev/null)" || true
  mkdir -p "$SERVICE_DIR/maintenance" 2>/dev/null || fail "$EXIT_FAILED" "cannot write $SERVICE_DIR; is the disk full or read-only?"
  write_whole "$(hold_of "$owner")" printf '%s\t%s\t%s\n' "${since:-$(printf '%(%Y-%m-%dT%H:%M:%S%z)T' -1)}" "$2" "$3"
  fault_point hold
  [[ -n "$since" ]] || log_hold begin "$owner"
}

# log_hold begin|end OWNER: for reports, since the marker goes with the end.
log_hold() { add_line "$SERVICE_DIR/history/maintenance" "$1" "$2" "$(cut -f2- "$(hold_of "$2")" 2>/dev/null)"; }

# release OWNER
release() {
  [[ -e "$(hold_of "$1")" ]] || return 0
  rm -f "$(hold_of "$1")" 2>/dev/null && sync "$SERVICE_DIR/maintenance" || fail "$EXIT_FAILED" "cannot remove $(hold_of "$1"); is the disk read-only?"
  fault_point release
  log_hold end "$1"
}

# hold_as_configured MANIFEST: by `install`, before anything that ran is stopped or what was stopped is started.
hold_as_configured() {
  if [[ "$(manifest_setting "$1" maintenance)" == yes ]]; then
    [[ -e "$(hold_of config)" ]] || hold config "$(stack_of "$1")" ''
  else
    release config
  fi
}

# put_back_maintenance SNAPSHOT: as it was before the update.
put_back_maintenance() {
  local path was mode owner content began
  while IFS=$'\037' read -r path was mode owner content; do
    case "$was" in
      file)
        began=''
        [[ -e "$path" ]] || began=yes
        put_file "$1/$content" "$path" "$mode" "$owner"
        [[ -z "$began" ]] || log_hold begin "${path##*/}"
        ;;
      *) release "${path##*/}" ;;
    esac
  done < <(kept_rows "$1" hold)
}

# rest UNIT: `enable` in maintenance: the service stops, nothing starts; what else runs, other sites may need.
rest() {
  if [[ "$1" != "$(service_unit_of "$(current_manifest)")" ]]; then
    say "enabled, in maintenance: $(systemctl is-active -- "$1" 2>/dev/null || true) as before"
  elif is_at_rest "$1"; then
    say "enabled, in maintenance: not started"
  else
    stop_for_maintenance "$1"
    say "enabled, in maintenance: stopped"
  fi
}

# is_at_rest UNIT
is_at_rest() { [[ "$(unit_property "$1" ActiveState)" =~ ^(inactive|failed)?$ ]]; }

# stop_for_maintenance UNIT: a restart that somebody asked for at the same moment may have taken the stop's place.
stop_for_maintenance() {
  is_at_rest "$1" || stop_unit "$1"
  is_at_rest "$1" || stop_unit "$1"
  is_at_rest "$1" || fail "$EXIT_FAILED" "$1 doesn't stop; see systemctl status $1"
  fault_point rest
}

# maintenance on|off|status, with lines `stack PROJECT/STACK`, `by WHO` and `reason WHY` on stdin, each of which may be missing.
verb_maintenance() {
  [[ -f "$SERVICE_DIR/manifest" || -d "$SERVICE_DIR/transaction" ]] || fail "$EXIT_REFUSED" "nothing of $SERVICE is installed on this host"
  if [[ "$SUBJECT" == status ]]; then
    tell_maintenance
    return 0
  fi
  lock_service
  finish_swap
  [[ ! -d "$SERVICE_DIR/transaction" ]] || fail "$EXIT_REFUSED" "an update of $SERVICE is open; try again when it's confirmed or rolled back"
  refuse_foreign_stack
  if [[ "$SUBJECT" == on ]]; then begin_maintenance; else end_maintenance; fi
}

# said NAME: of the input; one line, and short.
said() { sed -n "s/^$1 //p" "$INPUT" | head -n 1 | LC_ALL=C tr -d '\000-\037\177' | cut -c1-800; }

refuse_foreign_stack() {
  local stack
  stack="$(said stack)"
  [[ -z "$stack" || "$stack" == "$(stack_of "$SERVICE_DIR/manifest")" ]] ||
    fail "$EXIT_REFUSED" "$SERVICE belongs to stack $(stack_of "$SERVICE_DIR/manifest") on this host, not to $stack"
}

begin_maintenance() {
  local unit by
  unit="$(service_unit_of "$SERVICE_DIR/manifest")"
  by="$(said by)"
  hold operator "${by:-${SUDO_USER:-root}}" "$(said reason)"
  stop_for_maintenance "$unit"
  say "$SERVICE is in maintenance $(holds); $unit is stopped, and stays so over a reboot"
}

# end_maintenance: run again, it goes on where it broke off.
end_maintenance() {
  release operator
  ! is_in_maintenance ||
    fail "$EXIT_FAILED" "the operator's hold is gone, but the configuration still keeps $SERVICE in maintenance, $(holds): set maintenance to false and run \`pulumi up\`"
  local unit status=0 output
  while IFS=$'\037' read -r unit; do
    if output="$(bring_up "$unit")"; then say "$unit: ${output#enabled, }"; else status=1; fi
  done < <(awk -F '\t' '$1 == "unit" && $7 != "recovery" { print $2 }' "$SERVICE_DIR/manifest")
  ((status == 0)) || fail "$EXIT_FAILED" "$SERVICE is no longer in maintenance, but not all of it started; the health check goes on repairing it"
  gate "$STABLE_SEC" "$SERVICE is no longer in maintenance, but"
  say "$SERVICE is no longer in maintenance, and healthy"
}

# tell_maintenance: for programs: who holds it, since when, by whom, why; and the service's state.
tell_maintenance() {
  local owner unit
  for owner in "${OWNERS[@]}"; do
    [[ ! -e "$(hold_of "$owner")" ]] || say "hold"$'\t'"$owner"$'\t'"$(hold_fields "$owner" | tr '\037' '\t')"
  done
  unit="$(service_unit_of "$(current_manifest)")"
  say "unit"$'\t'"$unit"$'\t'"$(systemctl is-active -- "$unit" 2>/dev/null || true)"
}
