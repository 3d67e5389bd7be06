# What the doctor's collector tells of units beyond what the probe tells: why, in their own words, and when the timer is due.
# shellcheck shell=bash

# A log that nobody wrote into for longer tells nothing of now.
readonly FRESH_MINUTES=60

# tell_words SOURCE < lines, without what is secret.
tell_words() {
  local line
  mask_secrets | safe_lines | while IFS= read -r line; do [[ -z "${line//[[:blank:]]/}" ]] || tell words "$1" "$line"; done
}

# tell_unit UNIT: its last words, the id of its main process, and what the kernel says that does.
tell_unit() {
  local pid='' state=''
  pid="$(timeout 5 systemctl show --property=MainPID --value -- "$1" 2>/dev/null)"
  if [[ "$pid" =~ ^[1-9][0-9]*$ ]]; then
    state="$(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)"
    tell main_process "$1" "$pid" "$state"
  fi
  last_journal_lines "$1" | tell_words "$1"
}

# is_fresh FILE: a regular file that was written lately.
is_fresh() { [[ -f "$1" && ! -L "$1" && -n "$(find "$1" -mmin "-$FRESH_MINUTES" -size +0 2>/dev/null)" ]]; }

# tell_error_log FILE
tell_error_log() {
  # A line may be endless.
  ! is_fresh "$1" || tail -c 65536 -- "$1" 2>/dev/null | tail -n 20 | tell_words "$1"
}

# tell_timer TIMER CHECK-UNIT: when it's due and was last, in microseconds since 1970; how the last check ended, and what it found.
tell_timer() {
  local name value
  tell timer "$(timeout 5 systemctl list-timers --all --output=json -- "$1" 2>/dev/null)"
  while IFS='=' read -r name value; do tell check "$name" "$value"; done < <(timeout 5 systemctl show --property=ActiveState,Result,ExecMainStatus -- "$2" 2>/dev/null)
  # shellcheck disable=SC2153 # of main.bash
  while read -r name value; do tell health "$name" "$value"; done 2>/dev/null <"$STATE/health"
}
