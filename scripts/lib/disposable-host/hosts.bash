# Sourced by all.bash: the directory of each host, HOSTS_DIR/NAME, and who owns it.
#   lock        held by the supervisor (before that, by whoever started it) as long as it lives: not held means left over
#   supervisor, process             process ids: of the script and of the machine
#   machine, release, image, address, port, host-key, run
#                                   one line each; run is the same for all hosts of one `up`
#   id_ed25519, id_ed25519.pub      for ssh, likewise
#   start-again                     there: start again although this isn't a reboot
#   off                             there: powered off from inside, or it couldn't start
#   console.log upper work root     of a virtual machine: console.log disk.img accelerator ssh
# shellcheck shell=bash

readonly HOSTS_DIR=/var/lib/pulumi-systemd-ha-hosts

# On one machine, not in one cache: names, addresses and the bridge are the machine's.
with_machine_lock() {
  install -d -m 0700 "$HOSTS_DIR"
  # Not with_lock: this one is held for moments, so nobody needs to be told about it.
  (
    flock 9
    "$@" 9>&-
  ) 9>"$HOSTS_DIR/.lock"
}

# Not just the name: someone may have a container of that name.
machine_name() { printf '%s\n' "psha-$1"; }

# host_fact NAME FILE: a one-line file of the host's directory, empty if it isn't there.
host_fact() { cat "$HOSTS_DIR/$1/$2" 2>/dev/null || true; }

host_names() { find "$HOSTS_DIR" -mindepth 1 -maxdepth 1 -type d -name '[!.]*' -printf '%f\n' 2>/dev/null | sort; }

# is_alive NAME: its supervisor lives.
is_alive() { [[ -e "$HOSTS_DIR/$1/lock" ]] && ! flock --shared --nonblock "$HOSTS_DIR/$1/lock" true 2>/dev/null; }

is_off() { [[ -e "$HOSTS_DIR/$1/off" ]]; }

require_alive() {
  is_alive "$1" ||
    die "$EXIT_UNREACHABLE" "no disposable host \"$1\" is running; the running ones: $(known_names)"
}

known_names() {
  local names
  names="$(host_names | paste -sd' ')"
  printf '%s\n' "${names:-none}"
}

is_image_in_use() { grep -qsxF "$1" "$HOSTS_DIR"/*/image; }

list_hosts() {
  local name state format='%-20s %-8s %-10s %-21s %s\n'
  # shellcheck disable=SC2059 # the format is above
  printf "$format" NAME MACHINE RELEASE ADDRESS STATE
  for name in $(host_names); do
    state=running
    ! is_off "$name" || state=off
    is_alive "$name" || state="left over (the next \`up\` or \`down\` removes it)"
    # shellcheck disable=SC2059
    printf "$format" "$name" "$(host_fact "$name" machine)" "$(host_fact "$name" release)" \
      "$(host_fact "$name" address):$(host_fact "$name" port)" "$state"
  done
}

# claim_host NAME MACHINE RELEASE RUN FIRST: makes the host's directory, with the key pair of the FIRST host of the run. Call it
# with the machine lock held.
claim_host() {
  local name="$1" machine="$2" release="$3" run="$4" first="$5" directory="$HOSTS_DIR/$1"
  mkdir -m 0700 "$directory"
  printf '%s\n' "$run" >"$directory/run"
  : >"$directory/lock"
  printf '%s\n' "$machine" >"$directory/machine"
  printf '%s\n' "$release" >"$directory/release"
  image_directory "$release" "$machine" >"$directory/image"
  on_machine claim "$name"
  if [[ "$name" == "$first" ]]; then
    ssh-keygen -q -t ed25519 -N '' -C disposable-host -f "$directory/id_ed25519"
  else
    cp "$HOSTS_DIR/$first/id_ed25519" "$HOSTS_DIR/$first/id_ed25519.pub" "$directory/"
  fi
}

# remove_host NAME: everything of it, however it ended. Safe to repeat, and while another run does the same.
remove_host() {
  local directory="$HOSTS_DIR/$1" removed="$HOSTS_DIR/.removed-$1-$BASHPID"
  on_machine kill "$1"
  on_machine tidy "$1"
  unmount_below "$directory"
  # All at once: without its lock, the rest would look like a left-over.
  if mv "$directory" "$removed" 2>/dev/null; then remove_tree "$removed"; fi
}

# remove_idle_bridge: call it with the machine lock held.
remove_idle_bridge() { [[ -n "$(host_names)" ]] || remove_bridge; }

# release_host NAME: with the machine lock held.
release_host() {
  remove_host "$1"
  remove_idle_bridge
}

# remove_leftovers: hosts whose supervisor was killed. Call it with the machine lock held.
remove_leftovers() {
  local name
  find "$HOSTS_DIR" -mindepth 1 -maxdepth 1 -name '.removed-*' -mmin +5 -exec rm -rf --one-file-system {} +
  for name in $(host_names); do
    if ! is_alive "$name"; then
      say "removing \"$name\", left over from a run that was killed"
      release_host "$name"
    fi
  done
}
