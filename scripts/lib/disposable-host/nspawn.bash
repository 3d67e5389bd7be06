# Sourced by all.bash: hosts as containers, which boot in a second; they share this machine's kernel, clock and page cache.
# shellcheck shell=bash

# nspawn ends with this code when the guest reboots (and with --keep-unit leaves the restart to us).
readonly NSPAWN_REBOOT_CODE=133

nspawn_require() {
  require_packages systemd-container openssh-client iproute2
  unshare --mount --pid --net --uts --ipc --fork true 2>/dev/null ||
    die "$EXIT_REFUSED" "the kernel denies new namespaces: use a real or virtual machine, or a container started with --privileged"
  is_booted_with_systemd || [[ -w /sys/fs/cgroup ]] ||
    die "$EXIT_REFUSED" "/sys/fs/cgroup can't be written: use a real or virtual machine, or a container started with --privileged"
}

nspawn_claim() {
  ensure_bridge
  unused_address >"$HOSTS_DIR/$1/address"
  printf '22\n' >"$HOSTS_DIR/$1/port"
}

nspawn_configure() {
  printf '%s\n' '[Match]' 'Name=host0' '' '[Network]' "Address=$(host_fact "$1" address)/24" \
    'LinkLocalAddressing=no' 'IPv6AcceptRA=no' >"$HOSTS_DIR/$1/root/etc/systemd/network/80-container-host0.network"
}

nspawn_prepare() { :; }

nspawn_run() {
  enter_host_cgroups "$1"
  local -a keep_unit=(--keep-unit)
  ! is_booted_with_systemd || keep_unit=()
  # shellcheck disable=SC2046 # words
  exec env $(nspawn_environment) systemd-nspawn --quiet --boot --directory="$HOSTS_DIR/$1/root" \
    --machine="$(machine_name "$1")" --hostname="$1" --register=no "${keep_unit[@]}" --network-bridge="$BRIDGE" --settings=no \
    --link-journal=no --resolv-conf=off --timezone=off
}

# nspawn_environment: Debian boots with the unified cgroup tree alone; a guest gets it also where this machine has both.
nspawn_environment() {
  [[ ! -e /sys/fs/cgroup/unified/cgroup.procs ]] || printf 'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1\n'
}

nspawn_is_reboot() { [[ "$2" == "$NSPAWN_REBOOT_CODE" ]]; }

# nspawn_boot NAME: the process id of the guest's systemd.
nspawn_boot() {
  local nspawn init='' command=''
  nspawn="$(nspawn_process "$1")"
  [[ -n "$nspawn" ]] || return 0
  read -r init _ 2>/dev/null <"/proc/$nspawn/task/$nspawn/children" || true
  [[ -z "$init" ]] || read -r command 2>/dev/null <"/proc/$init/comm" || true
  # Before that it is nspawn's own child, which still sees this machine's files.
  [[ "$command" != systemd ]] || printf '%s\n' "$init"
}

# require_init NAME: the same; it must be there.
require_init() {
  local init
  init="$(nspawn_boot "$1")"
  [[ -n "$init" ]] || die "$EXIT_UNREACHABLE" "\"$1\" is off, or just starting"
  printf '%s\n' "$init"
}

nspawn_state() {
  local init
  init="$(require_init "$1" 2>/dev/null)" || return
  nsenter --target "$init" --mount --pid --root systemctl is-system-running 2>/dev/null
}

nspawn_enter() {
  local name="$1" user="$2" script="$3" init home
  local -a command
  init="$(require_init "$name")"
  home="$(awk -F : -v user="$user" '$1 == user { print $6 }' "$HOSTS_DIR/$name/root/etc/passwd")"
  [[ -n "$home" ]] || die "$EXIT_USAGE" "\"$name\" has no user \"$user\""
  guest_command "$script" "$user" "$home"
  join_cgroups_of "$init"
  exec nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup --root --wd setpriv --bounding-set="$(lacking_capabilities "$init")" -- "${command[@]}"
}

# lacking_capabilities PID: what the guest's systemd may not, such as setting this machine's clock; for setpriv.
lacking_capabilities() {
  local may bit lacking=''
  may="$(sed -n 's/^CapBnd:[[:space:]]*/0x/p' "/proc/$1/status")"
  for ((bit = 0; bit <= $(</proc/sys/kernel/cap_last_cap); bit++)); do
    ((may >> bit & 1)) || lacking+="${lacking:+,}-cap_$bit"
  done
  printf '%s' "$lacking"
}

# join_cgroups_of PID: outside of the guest's cgroups, its systemd wouldn't know where the script came from.
join_cgroups_of() {
  local hierarchy controllers path tree
  while IFS=: read -r hierarchy controllers path; do
    case "$hierarchy:$controllers" in
      0:) tree=/sys/fs/cgroup/unified ;;
      *:name=systemd) tree=/sys/fs/cgroup/systemd ;;
      *) continue ;;
    esac
    [[ -d "$tree" ]] || tree=/sys/fs/cgroup
    printf '%s\n' "$BASHPID" >"$tree$path/cgroup.procs" || true
  done <"/proc/$1/cgroup"
}

nspawn_cut() {
  local init
  init="$(require_init "$1")" || return
  : >"$HOSTS_DIR/$1/start-again"
  kill -KILL "$init"
  printf '%s\n' "$init"
}

# nspawn_kill NAME: its systemd first, with which all its processes end; nspawn then tidies up after itself. Killed first,
# nspawn would leave both the processes and the network interface. There is nothing to shut down in order: it is thrown away.
nspawn_kill() {
  local name="$1" nspawn turn
  local -a inside
  for ((turn = 0; turn < 100; turn++)); do
    mapfile -t inside < <(guest_processes "$name")
    nspawn="$(nspawn_process "$name")"
    ((${#inside[@]} == 0)) || kill -KILL "${inside[@]}" 2>/dev/null || true
    [[ -n "$nspawn" ]] || ((${#inside[@]})) || return 0
    ((turn < 60)) || [[ -z "$nspawn" ]] || kill -KILL "$nspawn" 2>/dev/null || true
    sleep 0.05
  done
  say "\"$name\" has processes that don't end: ${nspawn:-} ${inside[*]}"
}

# guest_processes NAME: those of other pid namespaces that have the host's directory mounted. Not by remembered ids, which
# may belong to someone else by now.
guest_processes() {
  local ours pid
  ours="$(readlink /proc/self/ns/pid)"
  while IFS=/ read -r _ _ pid _; do
    [[ "$(readlink "/proc/$pid/ns/pid" || printf '%s' "$ours")" == "$ours" ]] || printf '%s\n' "$pid"
  done < <(grep -lsF "/${HOSTS_DIR##*/}/$1/" /proc/[0-9]*/mountinfo)
}

# nspawn_process NAME: the remembered id, if it is (still) the host's nspawn.
nspawn_process() {
  local pid
  pid="$(host_fact "$1" process)"
  if [[ -n "$pid" ]] && grep -qszxF -- "--machine=$(machine_name "$1")" "/proc/$pid/cmdline"; then printf '%s\n' "$pid"; fi
}

# nspawn_tidy NAME: nspawn's own, which it leaves when it is killed.
nspawn_tidy() {
  rm -f "/run/systemd/nspawn/locks/inode-$(stat --format '%d:%i' "$HOSTS_DIR/$1/root" 2>/dev/null || true)"
  umount "/run/systemd/nspawn/unix-export/$(machine_name "$1")" 2>/dev/null || true
  rmdir /run/systemd/nspawn/{propagate,unix-export}/"$(machine_name "$1")" 2>/dev/null || true
  remove_host_cgroups "$1"
}
