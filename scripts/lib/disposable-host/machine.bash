# Sourced by all.bash: what this machine must allow, and a sentence for each thing that it may not.
# shellcheck shell=bash

require_root() {
  ((EUID == 0)) ||
    die "$EXIT_REFUSED" "disposable hosts need root (mounts, namespaces, a network bridge): start this with sudo"
}

# require_builder: what building an image needs.
require_builder() {
  require_root
  command -v apt-get >/dev/null ||
    die "$EXIT_REFUSED" "disposable hosts are built with apt: this needs a Debian machine (or one that is derived from it)"
  require_packages mmdebstrap debian-archive-keyring
}

# systemd as PID 1 here makes a cgroup for each host; without it we do.
is_booted_with_systemd() { [[ -d /run/systemd/system ]]; }

# host_cgroups NAME: the host's own directories in the cgroup trees that systemd uses; without them, two hosts would share
# one tree and stop each other's services.
host_cgroups() {
  local tree
  ! is_booted_with_systemd || return 0
  for tree in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [[ ! -e "$tree/cgroup.procs" ]] || printf '%s\n' "$tree/$(machine_name "$1")"
  done
}

# enter_host_cgroups NAME: moves the calling shell there.
enter_host_cgroups() {
  local directory
  for directory in $(host_cgroups "$1"); do
    mkdir -p "$directory"
    printf '%s\n' "$BASHPID" >"$directory/cgroup.procs"
  done
}

# remove_host_cgroups NAME: a process that was killed may count for a moment longer.
remove_host_cgroups() {
  local directory turn
  for directory in $(host_cgroups "$1"); do
    for ((turn = 0; turn < 40; turn++)); do
      [[ -d "$directory" ]] || break
      find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
    done
  done
}

# remove_tree DIRECTORY: never reaches through a mount that was left below it.
remove_tree() {
  unmount_below "$1"
  rm -rf --one-file-system -- "$1"
}

unmount_below() {
  local mounted
  while read -r mounted; do
    umount "$mounted" 2>/dev/null || umount --lazy "$mounted" 2>/dev/null || true
  done < <(findmnt --list --noheadings --output TARGET | awk -v top="$1/" 'index($0, top) == 1' | sort -r)
}
