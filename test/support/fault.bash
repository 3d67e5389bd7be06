# In place of the helper's own fault_point, in test builds: dies as by `kill -9` where /run/pulumi-systemd-ha-fault says, once.
# shellcheck shell=bash
fault_point() {
  [[ "$(cat /run/pulumi-systemd-ha-fault 2>/dev/null)" == "$1" ]] || return 0
  rm /run/pulumi-systemd-ha-fault
  kill -KILL "$$"
}
