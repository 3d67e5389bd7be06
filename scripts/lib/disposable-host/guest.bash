# Sourced by all.bash: the inside of a running host.
# shellcheck shell=bash

readonly GUEST_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# From power on to an answer by ssh takes a second or two; a loaded machine may need longer.
readonly BOOT_SECONDS=100

# guest_init NAME: the process id of the guest's systemd, nothing while it doesn't run.
guest_init() {
  local nspawn init='' command=''
  nspawn="$(host_fact "$1" nspawn)"
  [[ -n "$nspawn" ]] || return 0
  read -r init _ 2>/dev/null <"/proc/$nspawn/task/$nspawn/children" || true
  [[ -z "$init" ]] || read -r command 2>/dev/null <"/proc/$init/comm" || true
  # Before that it is nspawn's own child, which still sees this machine's files.
  [[ "$command" != systemd ]] || printf '%s\n' "$init"
}

# require_guest NAME: the process id of its systemd.
require_guest() {
  local init
  require_alive "$1"
  init="$(guest_init "$1")"
  [[ -n "$init" ]] || die "$EXIT_UNREACHABLE" "\"$1\" is off, or just starting"
  printf '%s\n' "$init"
}

# enter_guest NAME USER SCRIPT: replaces this shell by one inside that runs the script.
enter_guest() {
  local name="$1" user="$2" script="$3" init home
  local -a as=()
  init="$(require_guest "$name")"
  home="$(awk -F : -v user="$user" '$1 == user { print $6 }' "$HOSTS_DIR/$name/root/etc/passwd")"
  [[ -n "$home" ]] || die "$EXIT_USAGE" "\"$name\" has no user \"$user\""
  [[ "$user" == root ]] || as=(runuser -u "$user" --)
  join_cgroups_of "$init"
  exec nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup --root --wd \
    "${as[@]}" env -i PATH="$GUEST_PATH" HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash LANG=C.UTF-8 \
    bash -c "$script"
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

# await_guest NAME [OLD_INIT]: until systemd has booted (again, after OLD_INIT) and ssh answers.
await_guest() {
  local name="$1" old="${2:-}" deadline=$((SECONDS + BOOT_SECONDS)) init state=''
  until ((SECONDS >= deadline)); do
    is_alive "$name" && ! is_off "$name" || die "$EXIT_FINDING" "\"$name\" could not be started; its last words: $(last_words "$name")"
    init="$(guest_init "$name")"
    if [[ -n "$init" && "$init" != "$old" ]]; then
      state="$(nsenter --target "$init" --mount --pid --root systemctl is-system-running 2>/dev/null)" || true
      if [[ "$state" =~ ^(running|degraded)$ ]] && answers_ssh "$(host_fact "$name" address)"; then return; fi
    fi
    sleep 0.05
  done
  die "$EXIT_UNREACHABLE" "\"$name\" did not answer ssh within $BOOT_SECONDS s (systemd: ${state:-not running}); its last words: $(last_words "$name")"
}

# answers_ssh ADDRESS
answers_ssh() {
  timeout 1 bash -c "exec 3<>/dev/tcp/$1/22 && read -r banner <&3 && [[ \$banner == SSH-* ]]" 2>/dev/null
}

# last_words NAME: the end of its console in one line, without colours and nspawn's usual complaint.
last_words() {
  sed -E 's/\x1b\[[0-9;]*m//g; s/\r//g; /^$|we can.t allow that/d' "$HOSTS_DIR/$1/console.log" 2>/dev/null | tail -n 4 | paste -sd' '
}

# restart_guest reboot|power-cut NAME
restart_guest() {
  local init
  init="$(require_guest "$2")"
  case "$1" in
    reboot) (enter_guest "$2" root 'systemctl reboot') ;;
    power-cut)
      : >"$HOSTS_DIR/$2/start-again"
      kill -KILL "$init"
      ;;
  esac
  await_guest "$2" "$init"
}

# kill_guest NAME: its systemd first, with which all its processes end; nspawn then tidies up after itself. Killed first,
# nspawn would leave both the processes and the network interface. There is nothing to shut down in order: it is thrown away.
kill_guest() {
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
  pid="$(host_fact "$1" nspawn)"
  if [[ -n "$pid" ]] && grep -qszxF -- "--machine=$(machine_name "$1")" "/proc/$pid/cmdline"; then printf '%s\n' "$pid"; fi
}
