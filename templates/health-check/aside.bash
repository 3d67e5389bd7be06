# Who else may be at work on the service.

# update_in_progress: until the deadline of an update (boot id and second of uptime), the field is the update's.
update_in_progress() {
  local boot deadline up
  read -r boot deadline 2>/dev/null <"$STATE_DIR/transaction/deadline" || return 1
  read -r up _ </proc/uptime
  [[ "$boot" == "$(</proc/sys/kernel/random/boot_id)" ]] && ((${up%%.*} < deadline))
}

# in_maintenance: somebody keeps the service stopped on purpose. Sets HOLDS, who and since when.
in_maintenance() {
  local owner since by reason
  HOLDS=""
  for owner in config operator; do
    since="" by="" reason=""
    [[ -e "$STATE_DIR/maintenance/$owner" ]] || continue
    IFS=$'\t' read -r since by reason 2>/dev/null <"$STATE_DIR/maintenance/$owner"
    by="${by:-somebody}"
    HOLDS+="${HOLDS:+ and }since ${since:-an unknown time} ($owner: ${reason:-$by})"
  done
  HOLDS="${HOLDS//[[:cntrl:]]/ }"
  [[ -n "$HOLDS" ]]
}
