# How often something is repaired.

# has_failed_enough UNIT: counts runs in a row in which a layer failed; the count is on disk, a daemon-reload clears systemd's.
has_failed_enough() {
  local count
  count="$(saved_count "failures.$1")"
  [[ "$count" =~ ^[0-9]{1,9}$ ]] || count=0
  count=$((count + 1))
  save_count "failures.$1" "$count"
  ((count >= FAILURES_BEFORE_REPAIR)) && return 0
  log "$1 failed in $count of $FAILURES_BEFORE_REPAIR runs; not repairing yet"
  return 1
}

# may_repair UNIT: at most MAX_REPAIRS in the window.
may_repair() {
  local unit="$1" now oldest recent
  printf -v now '%(%s)T' -1
  oldest=$((now - REPAIR_WINDOW_SEC))
  recent="$(awk -v oldest="$oldest" -v now="$now" '$1 > oldest && $1 <= now' < <(saved_count "repairs.$unit"))"
  if [[ -n "$recent" ]] && (($(wc -l <<<"$recent") >= MAX_REPAIRS)) || ((MAX_REPAIRS == 0)); then
    error "$unit was repaired $MAX_REPAIRS times in the last $REPAIR_WINDOW_SEC s; not trying again"
    return 1
  fi
  save_count "repairs.$unit" "${recent:+$recent$'\n'}$now"
  return 0
}

# saved_count NAME
saved_count() { cat "$RUN_DIR/$1" 2>/dev/null || cat "$STATE_DIR/$1" 2>/dev/null; }

# save_count NAME TEXT: whole or not at all; with a full disk until the next boot.
save_count() {
  { printf '%s\n' "$2" >"$STATE_DIR/$1.new" && mv -f "$STATE_DIR/$1.new" "$STATE_DIR/$1"; } 2>/dev/null && rm -f "${RUN_DIR:?}/$1" && return
  rm -f "$STATE_DIR/$1.new" 2>/dev/null
  { printf '%s\n' "$2" >"$RUN_DIR/$1"; } 2>/dev/null
}
