# What a check says.

# log SENTENCE: to the log and to the caller (the journal, or a terminal). A full disk or a missing directory stops no check.
log() {
  local line directory="${LOG%/*}"
  printf -v line '[%(%Y-%m-%d %H:%M:%S)T] %s' -1 "$*"
  printf '%s\n' "$line"
  [[ -n "$FIRST_ERROR" || "$1" != "ERROR: "* ]] || FIRST_ERROR="${1#ERROR: }"
  [[ -d "$directory" ]] || mkdir -p "$directory" 2>/dev/null
  # In a directory that isn't root's, the service's user could plant a link, and root would write through it. At a pipe it would hang.
  [[ -O "$directory" && ! -L "$directory" && (-f "$LOG" || ! -e "$LOG") ]] && { printf '%s\n' "$line" >>"$LOG"; } 2>/dev/null
  return 0
}

error() {
  FAILED=1
  log "ERROR: $*"
}
