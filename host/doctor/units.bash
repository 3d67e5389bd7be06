# What the doctor's collector tells of units beyond what the probe tells: why, in their own words, and when the timer is due.
# shellcheck shell=bash

# A log that nobody wrote into for longer tells nothing of now.
readonly FRESH_MINUTES=60
# The clock of a file's time of change is behind by a tick.
readonly TICK_SEC=1

# last_start UNIT: in seconds since 1970; nothing if it has never been started. What was said before is a former process's.
last_start() { timeout 5 systemctl show --timestamp=unix --property=ExecMainStartTimestamp --value -- "$1" 2>/dev/null | sed -n 's/^@\([0-9]*\).*/\1/p'; }

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
  last_journal_lines "$1" "$(last_start "$1")" | tell_words "$1"
}

# tell_proxy_configuration: what Apache would say at its next restart, if it's the proxy.
tell_proxy_configuration() {
  local said status=0
  [[ " ${WANTED[units]} " == *" apache2.service "* ]] && command -v apachectl >/dev/null || return 0
  # Before Apache's first start apachectl would make them.
  [[ -d /run/apache2/socks && -d /run/lock/apache2 ]] || return 0
  said="$(timeout 10 apachectl configtest 2>&1)" || status=$?
  # More than that is no judgement: it can't be run, or names take too long to resolve. Warnings come first.
  ((status != 1)) || grep -v -e '^AH0055[78]' -e '^AH00112' -e '^Action ' -e '^The Apache error log' <<<"$said" | tell_words configtest
}

# is_fresh FILE: a regular file that was written lately.
is_fresh() { [[ -f "$1" && ! -L "$1" && -n "$(find "$1" -mmin "-$FRESH_MINUTES" -size +0 2>/dev/null)" ]]; }

# tell_error_log FILE UNIT: if it was written since the unit's last start.
tell_error_log() {
  local started
  started="$(last_start "$2")"
  is_fresh "$1" && (($(stat -c %Y -- "$1" 2>/dev/null || echo 0) + TICK_SEC >= ${started:-0})) || return 0
  # A line may be endless.
  tail -c 65536 -- "$1" 2>/dev/null | tail -n 20 | tell_words "$1"
}

# tell_timer TIMER CHECK-UNIT: when it's due and was last, in microseconds since 1970; how the last check ended, and what it found.
tell_timer() {
  local name value
  tell timer "$(timeout 5 systemctl list-timers --all --output=json -- "$1" 2>/dev/null)"
  while IFS='=' read -r name value; do tell check "$name" "$value"; done < <(timeout 5 systemctl show --property=ActiveState,Result,ExecMainStatus -- "$2" 2>/dev/null)
  # shellcheck disable=SC2153 # of main.bash
  while read -r name value; do tell health "$name" "$value"; done 2>/dev/null <"$STATE/health"
}

# tell_repairs: when the health check repaired each unit, and since when a drill keeps the service from running; seconds since 1970.
tell_repairs() {
  local unit times since=''
  for unit in ${WANTED[units]}; do
    mapfile -t times < <(noted_by_check "repairs.$unit")
    [[ ! "${times[*]}" =~ ^[0-9][0-9\ ]*$ ]] || tell repairs "$unit" "${times[*]}"
  done
  { read -r since <"$STATE/drill"; } 2>/dev/null
  [[ ! "$since" =~ ^[0-9]+$ ]] || tell drill "$since"
}
