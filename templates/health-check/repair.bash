# A repair: one restart a run, within the limits.

# repair UNIT URL: only what was seen to work again is a success.
repair() {
  local unit="$1" url="$2" output reason status=0
  [[ "$MODE" == repair && -z "${REPAIRED[$unit]:-}" ]] || return 1
  # It may have begun since.
  if update_in_progress; then
    log "An update is in progress; leaving $unit to it"
    return 1
  fi
  if in_maintenance; then
    log "Maintenance began; leaving $unit alone"
    return 1
  fi
  has_failed_enough "$unit" "repairing" && may_repair "$unit" || return 1
  log "Attempting to restart $unit..."
  # In its start limit a unit refuses a restart until this.
  systemctl reset-failed -- "$unit" 2>/dev/null
  REPAIRED[$unit]=yes
  # The child must not keep this check's lock. A restart that takes longer goes on (124).
  output="$(timeout "$HEALTHY_WITHIN_SEC" systemctl restart -- "$unit" 2>&1 9>&-)" || status=$?
  if ((status != 0 && status != 124)) || ! is_active "$unit"; then
    reason="$(head -n 1 <<<"$output" | head -c 200 | LC_ALL=C tr -d '\000-\037\177')"
    ! is_passing "$(unit_state "$unit")" || reason="its restart still goes on"
    reason="$unit could not be restarted: ${reason:-it is not active after $HEALTHY_WITHIN_SEC s}"
  elif [[ -z "$url" ]] && ! stays_active "$unit"; then
    reason="$unit could not be restarted: it ended at once"
  elif [[ -n "$url" ]] && ! answers_in_time "$url"; then
    reason="$url still does not answer as expected: $REASON"
  else
    log "SUCCESS: $unit restarted successfully"
    forget_failures "$unit"
    # Unless it's of another layer, which still fails.
    ((FAILED)) || FIRST_ERROR=""
    alert repaired "$unit" "$unit was restarted, and works again; what was wrong: $CAUSE"
    return 0
  fi
  error "$reason"
  alert repair-failed "$unit" "$reason"
  return 1
}

# stays_active UNIT: of one that can't be asked; with Type=simple the start of a program that ends at once is none that failed.
stays_active() {
  local process
  process="$(unit_property "$1" InvocationID)"
  sleep 3
  [[ "$(unit_property "$1" InvocationID)" == "$process" ]] && systemctl is-active --quiet -- "$1"
}

# has_failed_enough LAYER DOING: counts runs in a row in which a layer failed; on disk, since with systemd 252 a daemon-reload clears its count.
has_failed_enough() {
  local count
  count="$(saved "failures.$1")"
  [[ "$count" =~ ^[0-9]{1,9}$ ]] || count=0
  count=$((10#$count + 1))
  save "failures.$1" "$count"
  ((count >= FAILURES_BEFORE_REPAIR)) && return 0
  log "$1 failed in $count of $FAILURES_BEFORE_REPAIR runs; not $2 yet"
  return 1
}

# forget_failures LAYER: the next failure is the first of a row.
forget_failures() { rm -f {"$STATE_DIR","$RUN_DIR"}/failures."$1" 2>/dev/null; }

# may_repair UNIT: at most MAX_REPAIRS in the window.
may_repair() {
  local unit="$1" now oldest recent
  printf -v now '%(%s)T' -1
  oldest=$((now - REPAIR_WINDOW_SEC))
  recent="$(awk -v oldest="$oldest" -v now="$now" '$1 > oldest && $1 <= now' < <(saved "repairs.$unit"))"
  if [[ -n "$recent" ]] && (($(wc -l <<<"$recent") >= MAX_REPAIRS)) || ((MAX_REPAIRS == 0)); then
    error "$unit was repaired $MAX_REPAIRS times in the last $REPAIR_WINDOW_SEC s; not trying again"
    alert exhausted "$unit" "$unit doesn't work, and was repaired $MAX_REPAIRS times in the last $REPAIR_WINDOW_SEC s: nothing more is tried, somebody must look"
    return 1
  fi
  save "repairs.$unit" "${recent:+$recent$'\n'}$now"
  return 0
}

# saved NAME: never more than such a note has.
saved() { { tail -c 65536 -- "$RUN_DIR/$1" || tail -c 65536 -- "$STATE_DIR/$1"; } 2>/dev/null | tr -d '\000'; }

# save NAME TEXT: whole or not at all; with a full disk until the next boot.
save() {
  { printf '%s\n' "$2" >"$STATE_DIR/$1.new" && mv -fT "$STATE_DIR/$1.new" "$STATE_DIR/$1"; } 2>/dev/null && rm -f "${RUN_DIR:?}/$1" && return
  rm -f "$STATE_DIR/$1.new" 2>/dev/null
  { printf '%s\n' "$2" >"$RUN_DIR/$1"; } 2>/dev/null
}
