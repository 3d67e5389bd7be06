# What the probe tells of the host: what a service needs of it, which src/drift/preflight.ts judges.
# shellcheck shell=bash
# shellcheck disable=SC2030,SC2031 # keys of look.bash's arrays, not variables

# tell_listener KEY PORT: name and unit-like cgroup path of the process which listens on a TCP port of the host, if any; its id.
# /proc rather than ss: iproute2 need not be installed.
tell_listener() {
  local port inode link pid name=unknown cgroup=()
  printf -v port ':%04X' "$2"
  inode="$(awk -v port="$port" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)"
  [[ -n "$inode" ]] || return 0
  # The socket of a process which can't be seen (another PID namespace) is still a listener.
  link="$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null)"
  pid="${link#/proc/}"
  pid="/proc/${pid%%/*}"
  { read -r name <"$pid/comm" && mapfile -t cgroup <"$pid/cgroup"; } 2>/dev/null
  tell "$1" "$name ${cgroup[*]}" "${pid#/proc/}"
}

system() {
  local id='' version='' command
  { read -r id </etc/machine-id; } 2>/dev/null
  tell machine_id "$id"
  tell_if systemd_running test -d /run/systemd/system
  tell_if journal_persistent has_persistent_journal
  tell_if email_undeliverable is_email_undeliverable
  read -r _ version _ < <(systemctl --version 2>/dev/null)
  tell systemd_version "$version"
  for command in curl flock awk timeout sha256sum logrotate journalctl; do
    command -v "$command" >/dev/null || tell missing_command "$command"
  done
}

# is_email_undeliverable: alerts by e-mail were configured by the last update, and nothing here sends any. See send_email.
is_email_undeliverable() {
  grep -q '^EMAIL=' "/etc/pulumi-systemd-ha/${WANTED[service]}.alerts" 2>/dev/null && ! PATH="$PATH:/usr/sbin:/usr/lib" command -v sendmail >/dev/null
}

service() {
  local directory owner mode
  tell_if user_exists getent passwd "${WANTED[user]}"
  tell_if group_exists getent group "${WANTED[group]}"
  tell directory_type "${TYPE["${WANTED[directory]}"]:-}"
  tell executable_type "$(stat -L -c %F -- "${WANTED[executable]}" 2>/dev/null)"
  tell_if executable_runs test -x "${WANTED[executable]}"
  tell_listener port_listener "${WANTED[port]}"
  unsafe_ancestors "${WANTED[directory]}" | while read -r directory owner mode; do tell unsafe_ancestor "$directory" "$owner" "$mode"; done
  tell_if login_home test -e "${WANTED[directory]}/.ssh"
}

# names: whether what we would call ours is somebody's: a unit of the system's, another program's log rotation.
names() {
  local unit rotation="/etc/logrotate.d/${WANTED[service]}"
  for unit in "${OWN_UNITS[@]}"; do tell own_fragment "$unit" "${PROPERTY["$unit FragmentPath"]:-}"; done
  [[ ! -f "$rotation" ]] || grep -qF -- "${WANTED[directory]}/" "$rotation" || tell foreign_rotation "$rotation"
}

proxy_and_tunnel() {
  local unit
  for unit in ${WANTED[host_units]:-}; do
    tell "unit_load_state:$unit" "${PROPERTY["$unit LoadState"]:-}"
    tell "unit_active_state:$unit" "${PROPERTY["$unit ActiveState"]:-}"
  done
  [[ -z "${WANTED[proxy_port]:-}" ]] || tell_listener proxy_listener "${WANTED[proxy_port]}"
}

# For root, access(2) says no only where the file system is mounted read-only.
writable() {
  local path
  for path in /etc/systemd/system /etc/logrotate.d /var/lib /usr/local/lib /run "${WANTED[directory]}"; do
    [[ ! -d "$path" || -w "$path" ]] || tell read_only "$path"
  done
}
