# Sourced by disposable-host and supervise: everything in this folder.
# shellcheck shell=bash

HOST_LIBRARY="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly HOST_LIBRARY

# shellcheck source=scripts/lib/common.bash
source "$HOST_LIBRARY/../common.bash"
# shellcheck source=scripts/lib/progress.bash
source "$HOST_LIBRARY/../progress.bash"
# shellcheck source=scripts/lib/disposable-host/machine.bash
source "$HOST_LIBRARY/machine.bash"
# shellcheck source=scripts/lib/disposable-host/image.bash
source "$HOST_LIBRARY/image.bash"
# shellcheck source=scripts/lib/disposable-host/network.bash
source "$HOST_LIBRARY/network.bash"
# shellcheck source=scripts/lib/disposable-host/hosts.bash
source "$HOST_LIBRARY/hosts.bash"
# shellcheck source=scripts/lib/disposable-host/guest.bash
source "$HOST_LIBRARY/guest.bash"
# shellcheck source=scripts/lib/disposable-host/nspawn.bash
source "$HOST_LIBRARY/nspawn.bash"
# shellcheck source=scripts/lib/disposable-host/qemu.bash
source "$HOST_LIBRARY/qemu.bash"
# shellcheck source=scripts/lib/disposable-host/lifecycle.bash
source "$HOST_LIBRARY/lifecycle.bash"
