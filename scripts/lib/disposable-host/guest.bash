# Sourced by all.bash: the inside of a running host, whatever machine it is. nspawn.bash and qemu.bash have the same functions,
# each with its machine's name in front:
#   require                      what this machine must allow
#   claim NAME                   its address and port; with the machine lock held
#   configure NAME               in the mounted root: its network
#   prepare NAME                 the disk, if it has one
#   run NAME                     becomes the machine
#   is_reboot NAME CODE          whether the machine ended with that exit code to start again
#   boot NAME                    what tells one boot from the next; nothing while it doesn't run
#   state NAME                   systemctl is-system-running
#   enter NAME USER SCRIPT       becomes the script's shell
#   cut NAME                     the power cut; prints the boot that it ended, if it can tell
#   kill NAME, tidy NAME         ends all its processes; removes what they leave outside of the host's directory
# shellcheck shell=bash

# From power on to an answer by ssh takes a container a second or two; a loaded machine and an emulated processor need longer.
readonly BOOT_SECONDS=180
readonly GUEST_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# on_machine FUNCTION NAME ARGUMENT...
on_machine() {
  local machine
  machine="$(host_fact "$2" machine)"
  "${machine:-nspawn}_$1" "${@:2}"
}

require_on() {
  require_alive "$1"
  ! is_off "$1" || die "$EXIT_UNREACHABLE" "\"$1\" is off"
}

# enter_guest NAME USER SCRIPT: replaces this shell by one inside that runs the script.
enter_guest() {
  require_on "$1"
  on_machine enter "$@"
}

# guest_command SCRIPT USER HOME: the words that run it inside, as an array `command`.
guest_command() {
  command=(env -i PATH="$GUEST_PATH" HOME="$3" USER="$2" LOGNAME="$2" SHELL=/bin/bash LANG=C.UTF-8 bash -c "$1")
  [[ "$2" == root ]] || command=(runuser -u "$2" -- "${command[@]}")
}

# await_guest NAME [OLD_BOOT]: until systemd has booted (again, after OLD_BOOT) and ssh answers.
await_guest() {
  local name="$1" old="${2:-}" deadline=$((SECONDS + BOOT_SECONDS)) boot state=''
  until ((SECONDS >= deadline)); do
    is_alive "$name" && ! is_off "$name" || die "$EXIT_FINDING" "\"$name\" could not be started; its last words: $(last_words "$name")"
    boot="$(on_machine boot "$name")"
    if [[ -n "$boot" && "$boot" != "$old" ]]; then
      state="$(on_machine state "$name")" || true
      if [[ "$state" =~ ^(running|degraded)$ ]] && answers_ssh "$name"; then return; fi
    fi
    sleep 0.05
  done
  die "$EXIT_UNREACHABLE" "\"$name\" did not answer ssh within $BOOT_SECONDS s (systemd: ${state:-not running}); its last words: $(last_words "$name")"
}

answers_ssh() {
  timeout 1 bash -c "exec 3<>/dev/tcp/$(host_fact "$1" address)/$(host_fact "$1" port) && read -r banner <&3 && [[ \$banner == SSH-* ]]" 2>/dev/null
}

# last_words NAME: the end of its console in one line, without colours and nspawn's usual complaint.
last_words() {
  sed -E 's/\x1b\[[0-9;]*m//g; s/\r//g; /^$|we can.t allow that/d' "$HOSTS_DIR/$1/console.log" 2>/dev/null | tail -n 4 | paste -sd' '
}

# restart_guest reboot|power-cut NAME
restart_guest() {
  local boot
  require_on "$2"
  if [[ "$1" == reboot ]]; then
    boot="$(on_machine boot "$2")"
    [[ -n "$boot" ]] || die "$EXIT_UNREACHABLE" "\"$2\" does not answer, or is just starting"
    # 255: the connection ended before the answer; the next boot tells that it was heard.
    (enter_guest "$2" root 'systemctl reboot') || (($? == 255))
  else
    boot="$(on_machine cut "$2")"
  fi
  await_guest "$2" "$boot"
}
