# Who may change what at the same time: flock, held for one verb, with the holder's name beside it.
# shellcheck shell=bash

# For each of the two locks; together they leave a rest of every verb's time limit for its own sentence.
readonly LOCK_WAIT_SEC=25

# take_lock FILE --exclusive|--shared [SECONDS]: waits up to LOCK_WAIT_SEC; refuses with who holds it since when and why. Nothing
# is to be done where a verb that goes on with others has it already.
take_lock() {
  local file="$1" how="$2" seconds="${3:-$LOCK_WAIT_SEC}" descriptor
  [[ -z "${LOCKS[$file]:-}" ]] || return 0
  { exec {descriptor}>>"$file"; } 2>/dev/null || fail "$EXIT_FAILED" "cannot write $file; is the disk full or read-only?"
  if ! flock "$how" --wait "$seconds" "$descriptor"; then
    fail "$EXIT_REFUSED" "another operation holds $file: $(head -c 300 "$file.holder" 2>/dev/null | safe_lines); try again when it has ended"
  fi
  LOCKS["$file"]="$descriptor"
  { printf '%s %s by %s since %(%Y-%m-%d %H:%M:%S)T, process %s\n' "$VERB" "$SUBJECT" "${SUDO_USER:-root}" -1 "$$" >"$file.holder"; } 2>/dev/null || true
}

# without_locks COMMAND...: what is started here may outlive the verb, and must not keep the locks with it.
without_locks() {
  (
    local descriptor
    for descriptor in "${LOCKS[@]}"; do exec {descriptor}>&-; done
    exec "$@"
  )
}

# lock_service [SECONDS]: the locks of the verbs that change one service's files or state.
lock_service() { take_lock "$SERVICE_DIR/lock" --exclusive "${1:-}"; }

# share_service: of those that leave them alone and may run side by side: one unit's slow start must not hold up another's.
share_service() { take_lock "$SERVICE_DIR/lock" --shared; }

# lock_host [SECONDS]: for what the services of a host share (the proxy's drop-in, daemon-reload). Always after lock_service.
# Hidden, since a service may have any name.
lock_host() { take_lock "$STATE_DIR/.lock" --exclusive "${1:-}"; }

# hold_off_rollback: for steps that only look. They take as long as the service does, and hold up no next update.
hold_off_rollback() { take_lock "$SERVICE_DIR/looking.lock" --shared; }

# release_lock FILE: one of them.
release_lock() {
  local descriptor="${LOCKS[$1]}"
  exec {descriptor}>&-
  unset "LOCKS[$1]"
}

# release_locks: before the verb's end, for one that goes on with others.
release_locks() {
  local descriptor
  for descriptor in "${LOCKS[@]}"; do exec {descriptor}>&-; done
  LOCKS=()
}
