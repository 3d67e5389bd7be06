# Who may change what at the same time: flock, held for one verb, with the holder's name beside it.
# shellcheck shell=bash

# take_lock FILE: waits up to LOCK_WAIT_SEC; refuses with who holds it since when and why.
take_lock() {
  local file="$1" descriptor
  exec {descriptor}>>"$file" || fail "$EXIT_FAILED" "cannot write $file; is the disk full or read-only?"
  if ! flock --wait "${LOCK_WAIT_SEC:-30}" "$descriptor"; then
    fail "$EXIT_REFUSED" "another operation holds $file: $(head -c 300 "$file.holder" 2>/dev/null | safe_lines); try again when it has ended"
  fi
  LOCKS+=("$descriptor")
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

# lock_service: the locks of the verbs that change one service's files or state.
lock_service() { take_lock "$SERVICE_DIR/lock"; }

# lock_host: for what the services of a host share (the proxy's drop-in, daemon-reload). Always after lock_service.
lock_host() { take_lock "$STATE_DIR/lock"; }
