# Sourced by all.bash: one bridge for all hosts. Nothing is forwarded or masqueraded and guests have no default route,
# so their traffic stays on this machine.
# shellcheck shell=bash

readonly BRIDGE=psha0
# The first one that this machine has no route for.
readonly SUBNETS=(10.213.87 10.54.219 172.27.141 192.168.213)

# ensure_bridge: call it with the machine lock held.
ensure_bridge() {
  local subnet
  [[ -z "$(bridge_subnet)" ]] || return 0
  # May be there without an address, from a run that was killed.
  [[ -e "/sys/class/net/$BRIDGE" ]] || ip link add "$BRIDGE" type bridge ||
    die "$EXIT_REFUSED" "the kernel denies a network bridge: use a real or virtual machine, or a container started with --privileged"
  subnet="$(unused_subnet)"
  ip address add "$subnet.1/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}

# bridge_subnet: the first three numbers, nothing without a bridge.
bridge_subnet() {
  ip -oneline -4 address show dev "$BRIDGE" 2>/dev/null | sed -nE 's/.* inet ([0-9.]+)\.1\/24 .*/\1/p'
}

unused_subnet() {
  local subnet
  for subnet in "${SUBNETS[@]}"; do
    if [[ -z "$(ip -4 route show root "$subnet.0/24")" ]] &&
      ! ip -4 route show match "$subnet.0/24" | grep -qv '^default'; then
      printf '%s\n' "$subnet"
      return
    fi
  done
  die "$EXIT_REFUSED" "this machine already has routes for all of the networks that disposable hosts could use: ${SUBNETS[*]/%/.0\/24}"
}

# unused_address: call it with the machine lock held. Addresses go round: one that was in use a moment ago may still be
# known to somebody under its old hardware address or host key.
unused_address() {
  local subnet last number turn
  subnet="$(bridge_subnet)"
  last="$(cat "$HOSTS_DIR/.last-address" 2>/dev/null || printf 1)"
  for ((turn = 1; turn <= 253; turn++)); do
    number=$((2 + (last - 2 + turn) % 253))
    if ! grep -qsxF "$subnet.$number" "$HOSTS_DIR"/*/address; then
      printf '%s\n' "$number" >"$HOSTS_DIR/.last-address"
      printf '%s\n' "$subnet.$number"
      return
    fi
  done
  die "$EXIT_REFUSED" "all 253 addresses are in use: scripts/disposable-host list"
}

remove_bridge() { [[ ! -e "/sys/class/net/$BRIDGE" ]] || ip link delete "$BRIDGE"; }
