# Sourced by all.bash: hosts as virtual machines, for what containers can't show: a power cut loses what the guest hadn't
# written to its disk, the clock can be set, and memory can run out. Without a usable /dev/kvm the processor is emulated: a
# boot takes 15 to 40 seconds, and everything inside several times as long as in a container.
# shellcheck shell=bash

readonly QEMU_MEMORY_MIB=1024 QEMU_DISK_SIZE=4G QEMU_PROCESSORS=2
# QEMU's user network: the guest's address, to which its sshd's port on our loopback interface leads. It reaches nothing itself.
readonly QEMU_ADDRESS=10.0.2.15/24
readonly QEMU_PORTS=(22100 22299)
readonly QEMU_PLAIN=(-nodefaults -no-user-config -display none)

qemu_require() {
  [[ "$(uname -m)" == x86_64 ]] ||
    die "$EXIT_REFUSED" "the virtual machines are x86_64 ones, this machine is not: use --machine nspawn"
  (require_packages qemu-system-x86 e2fsprogs openssh-client iproute2) ||
    die "$EXIT_REFUSED" "QEMU can't be had here: install qemu-system-x86, or use --machine nspawn"
}

qemu_claim() {
  printf '127.0.0.1\n' >"$HOSTS_DIR/$1/address"
  unused_port >"$HOSTS_DIR/$1/port"
}

# unused_port: call it with the machine lock held.
unused_port() {
  local port
  for ((port = QEMU_PORTS[0]; port <= QEMU_PORTS[1]; port++)); do
    if ! grep -qsxF "$port" "$HOSTS_DIR"/*/port && [[ -z "$(ss -Htln "sport = :$port")" ]]; then
      printf '%s\n' "$port"
      return
    fi
  done
  die "$EXIT_REFUSED" "the ports ${QEMU_PORTS[0]} to ${QEMU_PORTS[1]} are all in use: scripts/disposable-host list"
}

qemu_configure() {
  printf '%s\n' '[Match]' 'Name=eth0' '' '[Network]' "Address=$QEMU_ADDRESS" \
    'LinkLocalAddressing=no' 'IPv6AcceptRA=no' >"$HOSTS_DIR/$1/root/etc/systemd/network/80-eth0.network"
}

# qemu_prepare NAME: its disk, a sparse file, from the mounted root, which isn't the host's `/` from then on.
qemu_prepare() {
  local directory="$HOSTS_DIR/$1"
  mke2fs -q -t ext4 -L root -d "$directory/root" "$directory/disk.img" "$QEMU_DISK_SIZE"
  unmount_below "$directory"
  rm -rf --one-file-system -- "$directory"/{root,upper,work}
  qemu_accelerator "$(host_fact "$1" image)/vmlinuz" >"$directory/accelerator"
}

# qemu_accelerator KERNEL: kvm, if a kernel gets as far as missing its disk with it: /dev/kvm may be there and not work.
qemu_accelerator() {
  if [[ -w /dev/kvm ]] && timeout 5 qemu-system-x86_64 -accel kvm -cpu max -m 256 "${QEMU_PLAIN[@]}" -no-reboot \
    -kernel "$1" -append 'panic=-1 quiet' >/dev/null 2>&1; then
    printf 'kvm\n'
  else
    printf 'tcg\n'
  fi
}

# qemu_run NAME: what the guest has written to its disk outlives QEMU's end in this machine's page cache; what it has not, is lost.
qemu_run() {
  local directory="$HOSTS_DIR/$1" image forward processor=max
  image="$(host_fact "$1" image)"
  forward="tcp:$(host_fact "$1" address):$(host_fact "$1" port)-:22"
  # Emulated, it boots a fifth faster than `max`, which has more to emulate.
  [[ "$(host_fact "$1" accelerator)" == kvm ]] || processor=Nehalem
  prefer_this_session
  exec qemu-system-x86_64 -name "$(machine_name "$1")" -accel "$(host_fact "$1" accelerator)" -cpu "$processor" \
    -smp "$QEMU_PROCESSORS" -m "$QEMU_MEMORY_MIB" "${QEMU_PLAIN[@]}" -serial stdio \
    -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
    -append 'root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off' \
    -drive "file=$directory/disk.img,format=raw,if=virtio,cache=writeback" \
    -netdev "user,id=net,restrict=on,hostfwd=$forward" -device virtio-net-pci,netdev=net,romfile=
}

# prefer_this_session: time limits, here and inside, go on while an emulated processor waits for a real one. The kernel shares
# those out among sessions, each of which has a weight, and only then among processes.
prefer_this_session() { { printf '%s\n' -5 >/proc/self/autogroup; } 2>/dev/null || true; }

# It reboots without ending.
qemu_is_reboot() { false; }

# qemu_ssh NAME COMMAND: as root. The first login takes a second where the processor is emulated; later ones share its connection,
# which ends with the guest.
qemu_ssh() {
  local directory="$HOSTS_DIR/$1"
  ssh -F none -i "$directory/id_ed25519" -p "$(host_fact "$1" port)" -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null \
    -o KnownHostsCommand="/bin/echo %H $(host_fact "$1" host-key)" \
    -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 \
    -o ControlMaster=auto -o ControlPersist=yes -o ControlPath="$directory/ssh" "root@$(host_fact "$1" address)" "$2"
}

qemu_boot() { qemu_ssh "$1" 'cat /proc/sys/kernel/random/boot_id' 2>/dev/null </dev/null || true; }

qemu_state() { qemu_ssh "$1" 'timeout 60 systemctl is-system-running --wait' 2>/dev/null </dev/null; }

qemu_enter() {
  local home=/root
  local -a command
  if [[ "$2" != root ]]; then
    home="$(qemu_ssh "$1" "getent passwd ${2@Q}" </dev/null | cut -d : -f 6)" || true
    [[ -n "$home" ]] || die "$EXIT_USAGE" "\"$1\" has no user \"$2\""
  fi
  guest_command "$3" "$2" "$home"
  qemu_ssh "$1" "${command[*]@Q}"
}

# qemu_cut NAME: doesn't ask the guest, which may have no memory left for an answer.
qemu_cut() {
  local process
  process="$(qemu_process "$1")"
  [[ -n "$process" ]] || die "$EXIT_UNREACHABLE" "\"$1\" is off, or just starting"
  : >"$HOSTS_DIR/$1/start-again"
  kill -KILL "$process"
  while kill -0 "$process" 2>/dev/null; do sleep 0.05; done
}

qemu_kill() {
  local process turn
  for ((turn = 0; turn < 100; turn++)); do
    process="$(qemu_process "$1")"
    [[ -n "$process" ]] || return 0
    kill -KILL "$process" 2>/dev/null || true
    sleep 0.05
  done
  say "\"$1\" has a process that doesn't end: $process"
}

# qemu_process NAME: the remembered id, if it is (still) the host's QEMU.
qemu_process() {
  local pid
  pid="$(host_fact "$1" process)"
  if [[ -n "$pid" ]] && grep -qszxF -- "$(machine_name "$1")" "/proc/$pid/cmdline"; then printf '%s\n' "$pid"; fi
}

qemu_tidy() { :; }
