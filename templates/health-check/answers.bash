# What a layer answers.

# is_active UNIT: a unit that systemd is just starting again is neither active nor failed: it gets a moment.
is_active() {
  local state second
  for ((second = 0; second <= 15; second++)); do
    state="$(systemctl is-active -- "$1" 2>/dev/null)"
    [[ "$state" == activating || "$state" == reloading ]] || break
    ((second == 15)) || sleep 1
  done
  [[ "$state" == active ]]
}

# answers URL: the expected status and text, after a few attempts. Sets REASON.
answers() {
  local url="$1" attempt
  for ((attempt = 0; attempt <= RETRIES; attempt++)); do
    ((attempt == 0)) || sleep 1
    answers_once "$url" && return 0
  done
  return 1
}

answers_once() {
  local url="$1" status proxy=()
  # The environment's proxy is for the world outside, never for this host's own ports.
  [[ "$url" == http://127.0.0.1:* ]] && proxy=(--noproxy '*')
  # --disable first: root's .curlrc must not change what is measured.
  # A length limit that holds for an answer without a length too: the service must not fill /run.
  if ! status="$(
    ulimit -f 10240
    exec curl --disable --silent --show-error --proto '=http,https' "${proxy[@]}" --max-time "$TIMEOUT_SEC" \
      --max-filesize 10485760 --output "$BODY" --write-out '%{http_code}' -- "$url" 2>"$REASON_FILE"
  )"; then
    REASON="$(head -c 200 "$REASON_FILE" | LC_ALL=C tr -d '\000-\037\177')"
    REASON="${REASON:-the answer is longer than 10 MiB}"
    return 1
  fi
  if [[ "$status" != "$EXPECT_STATUS" ]]; then
    REASON="HTTP status $status instead of $EXPECT_STATUS"
    return 1
  fi
  if [[ -n "$EXPECT_TEXT" ]] && ! grep -qF -- "$EXPECT_TEXT" "$BODY"; then
    REASON="the answer doesn't contain the expected text"
    return 1
  fi
}

# answers_in_time URL: what was just restarted gets the time that an update gives it.
answers_in_time() {
  local end=$((SECONDS + HEALTHY_WITHIN_SEC))
  until answers_once "$1"; do
    ((SECONDS < end)) || return 1
    sleep 1
  done
}
