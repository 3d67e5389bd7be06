# Sourced by all.bash: `up` and `down`.
# shellcheck shell=bash

# bring_up MACHINE RELEASE KEEP NAME...
bring_up() {
  local machine="$1" release="$2" keep="$3" name
  shift 3
  for name in "$@"; do
    [[ "$name" =~ ^[a-z][a-z0-9-]{0,39}$ ]] ||
      die "$EXIT_USAGE" "\"$name\" can't be a host's name: up to 40 lower-case letters, digits and hyphens, a letter first"
  done
  [[ -z "$(printf '%s\n' "$@" | sort | uniq -d)" ]] || die "$EXIT_USAGE" "each host needs a name of its own"
  require_builder
  "${machine}_require"
  ensure_image "$release" "$machine"

  RUN="$$-$SRANDOM" AWAITING=()
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  trap end_run EXIT
  open_lifeline
  with_machine_lock start_hosts "$machine" "$release" "$keep" "$@"
  await_all "$@"
  print_hosts "$@"
  if [[ -n "$keep" ]]; then
    trap - EXIT
    return
  fi
  # A trapped signal ends `read` as well.
  while read -r _; do :; done
  # Here, not by returning: bash would go on reading a script that somebody may have edited meanwhile.
  exit 0
}

# open_lifeline: descriptor 7, a pipe that only this process holds open for writing: when it ends, however that happens,
# the supervisors read the end of it.
open_lifeline() {
  local pipe="$HOSTS_DIR/.lifeline-$RUN"
  install -d -m 0700 "$HOSTS_DIR"
  mkfifo "$pipe"
  exec 7<>"$pipe"
  rm "$pipe"
}

# start_hosts MACHINE RELEASE KEEP NAME...: with the machine lock held.
start_hosts() {
  local machine="$1" release="$2" keep="$3" name
  shift 3
  remove_leftovers
  for name in "$@"; do
    [[ ! -e "$HOSTS_DIR/$name" ]] ||
      die "$EXIT_REFUSED" "a host named \"$name\" is running already; take another name, or: scripts/disposable-host down $name"
  done
  for name in "$@"; do
    claim_host "$name" "$machine" "$release" "$RUN" "$1"
    start_supervisor "$name" "$keep"
  done
}

# start_supervisor NAME KEEP: in a session of its own, so that Ctrl-C reaches only us and we end it in order. It inherits
# descriptor 8, the host's lock, and 3, the lifeline.
start_supervisor() {
  local directory="$HOSTS_DIR/$1" lifeline=/proc/self/fd/7
  [[ -z "$2" ]] || lifeline=/dev/null
  exec 8<"$directory/lock"
  flock 8
  setsid "$HOST_LIBRARY/supervise" "$1" ${2:+--keep} 3<"$lifeline" 7>&- </dev/null >"$directory/console.log" 2>&1 &
  printf '%s\n' "$!" >"$directory/supervisor"
  exec 8<&-
}

# await_all NAME...: side by side.
await_all() {
  local name process failed=0
  for name in "$@"; do
    await_guest "$name" 7>&- &
    AWAITING+=("$!")
  done
  for process in "${AWAITING[@]}"; do wait "$process" || failed=$?; done
  # Their process ids belong to others as soon as the kernel has counted round.
  AWAITING=()
  ((failed == 0)) || exit "$failed"
}

# print_hosts NAME...: one line of JSON; no value in it needs escaping.
print_hosts() {
  local name directory separator='' format
  format='%s{"name":"%s","machine":"%s","address":"%s","port":%s,"hostKey":"%s","release":"%s","privateKeyFile":"%s",'
  format+='"stateDirectory":"%s"}'
  printf '{"hosts":['
  for name in "$@"; do
    directory="$HOSTS_DIR/$name"
    # shellcheck disable=SC2059 # the format is above
    printf "$format" "$separator" "$name" "$(host_fact "$name" machine)" "$(host_fact "$name" address)" "$(host_fact "$name" port)" \
      "$(host_fact "$name" host-key)" "$(host_fact "$name" release)" "$directory/id_ed25519" "$directory"
    separator=,
  done
  printf ']}\n'
}

# end_run: what `up` does last, also when it failed or was interrupted: removes the hosts that it started itself.
end_run() {
  local name
  local -a ours=()
  # A second Ctrl-C must not stop halfway.
  trap '' INT TERM HUP
  ((${#AWAITING[@]} == 0)) || kill "${AWAITING[@]}" 2>/dev/null || true
  for name in $(host_names); do
    [[ "$(host_fact "$name" run)" != "$RUN" ]] || ours+=("$name")
  done
  end_hosts "${ours[@]}"
}

# bring_down ALL NAME...
bring_down() {
  local all="$1" name
  local -a names=("${@:2}")
  [[ -z "$all" ]] || mapfile -t names < <(host_names)
  for name in "${names[@]}"; do
    [[ -d "$HOSTS_DIR/$name" ]] ||
      die "$EXIT_UNREACHABLE" "there is no disposable host \"$name\"; the running ones: $(known_names)"
  done
  end_hosts "${names[@]}"
}

# end_hosts NAME...: tells all supervisors, then waits until each has ended; does their work where they died.
end_hosts() {
  local name lock
  local -a locks=()
  # Opened first: a host's directory goes before its supervisor does.
  for name in "$@"; do
    if { exec {lock}<"$HOSTS_DIR/$name/lock"; } 2>/dev/null; then locks+=("$lock"); fi
  done
  for name in "$@"; do
    ! is_alive "$name" || kill -TERM "$(host_fact "$name" supervisor)" 2>/dev/null || true
  done
  # The lifeline, should a signal have come too early.
  exec 7>&-
  for lock in "${locks[@]}"; do
    flock --shared --wait 30 "$lock" || true
    exec {lock}<&-
  done
  for name in "$@"; do
    [[ ! -d "$HOSTS_DIR/$name" ]] || with_machine_lock release_host "$name"
  done
}
