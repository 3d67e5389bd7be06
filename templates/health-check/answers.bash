# What a layer answers.

# unit_property UNIT NAME
unit_property() { systemctl show --property="$2" --value -- "$1" 2>/dev/null; }

# gave_up UNIT: its start limit keeps it down. systemd 257 leaves in Result how the process had ended before; so what it said last counts.
gave_up() {
  [[ "$(unit_property "$1" ActiveState)" == failed ]] || return
  [[ "$(unit_property "$1" Result)" == start-limit-hit ]] ||
    journalctl --quiet --boot --lines=4 --output=cat _PID=1 "UNIT=$1" 2>/dev/null | grep -q "Start request repeated too quickly"
}

# is_active UNIT: one that is just starting, or that somebody restarts or stops just now, gets the time that an update gives it.
is_active() {
  local state second limit=$((HEALTHY_WITHIN_SEC > 15 ? HEALTHY_WITHIN_SEC : 15))
  for ((second = 0; ; second++)); do
    state="$(unit_state "$1")"
    is_passing "$state" && ((second < limit)) || break
    sleep 1
  done
  [[ "$state" =~ ActiveState=(active|reloading|refreshing)($|[[:space:]]) ]]
}

# unit_state UNIT: both in one answer, so that they fit.
unit_state() { systemctl show --property=ActiveState,Job -- "$1" 2>/dev/null; }

# is_passing STATE: it doesn't stay so; a restart is down for a moment, with the job for its start still to come.
is_passing() {
  case "$1" in
    *ActiveState=activating* | *ActiveState=deactivating* | *ActiveState=reloading* | *ActiveState=refreshing*) ;;
    *ActiveState=inactive* | *ActiveState=failed*) [[ "$1" =~ Job=[1-9] ]] ;;
    *) return 1 ;;
  esac
}

# answers_by_now URL [UNIT]: what was started just now gets the time that an update gives it: after a repair everything, else UNIT,
# whoever started it. An update has waited already.
answers_by_now() {
  if ((${#REPAIRED[@]})); then
    answers_in_time "$1"
  else
    answers "$1" || { [[ "$MODE" == repair && -n "${2:-}" ]] && answers_after_start "$1" "$2"; }
  fi
}

# answers_after_start URL UNIT: as long as the unit is up and was started just now; twice that time in all, if somebody starts it again.
answers_after_start() {
  local end=$((SECONDS + 2 * HEALTHY_WITHIN_SEC))
  while ((SECONDS < end)) && was_just_started "$2" && ! update_in_progress; do
    answers_once "$1" && return 0
    sleep 1
  done
  return 1
}

# was_just_started UNIT: and is still up.
was_just_started() {
  local started up age
  is_active "$1" || return
  started="$(unit_property "$1" ActiveEnterTimestampMonotonic)"
  read -r up _ </proc/uptime
  [[ "$started" =~ ^[1-9][0-9]*$ ]] || return
  age=$((${up%%.*} - started / 1000000))
  # A container's own uptime has nothing to do with its systemd's clock.
  ((age >= -1 && age < HEALTHY_WITHIN_SEC))
}

# answers URL: the expected status and text, after a few attempts. Sets REASON, CURL_STATUS and HTTP_STATUS.
answers() {
  local url="$1" attempt
  for ((attempt = 0; attempt <= RETRIES; attempt++)); do
    ((attempt == 0)) || sleep 1
    answers_once "$url" && return 0
  done
  return 1
}

answers_once() {
  local url="$1" said proxy=() body=/dev/null
  # The environment's proxy is for the world outside, never for this host's own ports.
  [[ "$url" == http://127.0.0.1:* ]] && proxy=(--noproxy '*')
  # Else a full /run would stand in the way.
  [[ -z "$EXPECT_TEXT" ]] || body="$BODY"
  # --disable first: root's .curlrc must not change what is measured.
  # A length limit that holds for an answer without a length too: the service must not fill /run.
  CURL_STATUS=0
  said="$(
    ulimit -f 10240
    exec curl --disable --silent --show-error --proto '=http,https' "${proxy[@]}" --max-time "$TIMEOUT_SEC" \
      --max-filesize 10485760 --output "$body" --write-out '\n%{http_code}' -- "$url" 2>&1
  )" || CURL_STATUS=$?
  HTTP_STATUS="${said##*$'\n'}"
  if ((CURL_STATUS)); then
    REASON="$(head -n 1 <<<"$said" | head -c 200 | LC_ALL=C tr -d '\000-\037\177')"
    REASON="${REASON:-the answer is longer than 10 MiB}"
    return 1
  fi
  if [[ "$HTTP_STATUS" != "$EXPECT_STATUS" ]]; then
    REASON="HTTP status $HTTP_STATUS instead of $EXPECT_STATUS"
    return 1
  fi
  if [[ -n "$EXPECT_TEXT" ]] && ! grep -qF -- "$EXPECT_TEXT" "$BODY"; then
    REASON="the answer doesn't contain the expected text"
    return 1
  fi
}

# could_ask: after a failure; else curl itself is broken or missing here, or can't write, which says nothing of who was asked. A too
# long answer ends in SIGXFSZ (153), or in what can't be written if that signal is ignored; from 126 on it's else the shell's word.
could_ask() {
  case "$CURL_STATUS" in
    2 | 27) return 1 ;;
    23) (($(stat -c %s -- "$BODY" 2>/dev/null || echo 0) >= 10485760)) ;;
    153) ;;
    *) ((CURL_STATUS < 126)) ;;
  esac
}

# answers_in_time URL: an update that begins meanwhile waits for this check, and knows better.
answers_in_time() {
  local end=$((SECONDS + HEALTHY_WITHIN_SEC))
  until answers_once "$1"; do
    ((SECONDS < end)) || return 1
    [[ "$MODE" != repair ]] || ! update_in_progress || return 1
    sleep 1
  done
}
