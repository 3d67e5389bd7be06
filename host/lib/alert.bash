# Tells outside what the health check has put down in RUN_DIR/alerts, in a process that no check waits for: people by webhook and
# e-mail, a watching service by pings. Also whatever ended the check itself (OnFailure= of its unit).
#
#   alert SERVICE         what is put down
#   alert SERVICE test    a test, by webhook and e-mail
#
# alerts/ID.event: event, unit, sentence. alerts/ID.{ping,webhook,email}: what is still to be sent; the time of change is when that was
# tried last. ID: when it was put down, in microseconds.
# SERVICE_DIR/alerted, or with a full disk RUN_DIR/alerted: the failures of which people know: when, event, unit.
# shellcheck shell=bash

# How long one attempt may take, after how long the next one comes, and after how long a message tells nobody anything.
readonly ALERT_ATTEMPT_SEC=10 ALERT_PAUSE_MIN=3 ALERT_STALE_SEC=86400

verb_alert() {
  local event
  RUN_DIR="/run/pulumi-systemd-ha-$SERVICE" ALERTS_DIR="/run/pulumi-systemd-ha-$SERVICE/alerts"
  if [[ ! -r "$(alerts_file)" ]]; then
    [[ "$SUBJECT" != test ]] || nobody_to_tell
    # Since the configuration doesn't name anybody any more.
    rm -rf "$ALERTS_DIR"
    return 0
  fi
  install -d -m 0700 "$RUN_DIR" "$ALERTS_DIR" 2>/dev/null || fail "$EXIT_FAILED" "cannot write to /run; is it full?"
  take_lock "$ALERTS_DIR.lock" --exclusive "$WAITING_LIMIT_SEC"
  [[ "$SUBJECT" != test ]] || test_alert
  note_broken_check
  for event in "$ALERTS_DIR"/*.event; do
    [[ ! -e "$event" ]] || address "$event"
  done
  send_all || {
    # shellcheck disable=SC2034 # read in helper
    FAILURE="not everybody could be told"
    exit "$EXIT_FAILED"
  }
}

test_alert() {
  [[ -n "$(told WEBHOOK_URL)$(told EMAIL)" ]] || fail "$EXIT_REFUSED" "there is neither webhookUrl nor email in alerts, so nobody to tell"
  put_down test - "this is a test"
}

# nobody_to_tell: whoever tries it out must not take silence for a message.
nobody_to_tell() {
  [[ -e "$SERVICE_DIR" ]] || fail "$EXIT_REFUSED" "there is no service $SERVICE here"
  fail "$EXIT_REFUSED" "$SERVICE has no alerts: set them in the stack's configuration, and run pulumi up"
}

alerts_file() { echo "/etc/pulumi-systemd-ha/$SERVICE.alerts"; }

# told NAME: WEBHOOK_URL, EMAIL or PING_URL of the configuration; nothing if it isn't there.
told() { sed -n "s/^$1=\"\\(.*\\)\"\$/\\1/p" "$(alerts_file)" | sed 's/\\\(.\)/\1/g'; }

# put_down EVENT UNIT SENTENCE: as the check does it.
put_down() {
  local id="${EPOCHREALTIME//[^0-9]/}"
  printf '%s\t%s\t%s\n' "$1" "$2" "$3" >"$ALERTS_DIR/$id.event" || fail "$EXIT_FAILED" "cannot write to /run; is it full?"
}

# note_broken_check: systemd says why it started this unit (systemd.exec(5)). A check that ended by itself has told what it found.
note_broken_check() {
  local how="${MONITOR_SERVICE_RESULT:-}"
  [[ -n "$how" && "$how ${MONITOR_EXIT_STATUS:-}" != "exit-code 1" ]] || return 0
  put_down check-failed "$SERVICE-health-check.service" "the health check itself failed ($how${MONITOR_EXIT_STATUS:+, ${MONITOR_EXIT_STATUS}}): nothing is checked or repaired by it; see journalctl -u $SERVICE-health-check.service"
}

# address EVENT-FILE: a message for each who is to hear of it. Whoever is killed in the middle leaves the event, and the next one writes
# the same messages again.
address() {
  local event unit sentence known now to="${1%.event}"
  # A line without its end was cut off by a full /run.
  IFS=$'\t' read -r event unit sentence <"$1" || { rm -f "$1" && return 0; }
  if [[ "$event" == ping-* ]]; then
    [[ -z "$(told PING_URL)" ]] || printf '%s\n%s\n' "${event#ping-}" "$sentence" | put_message "$to.ping"
  else
    printf -v now '%(%s)T' -1
    known="$(cat "$RUN_DIR/alerted" 2>/dev/null || cat "$SERVICE_DIR/alerted" 2>/dev/null || true)"
    if is_news "$known" "$now" "$event" "$unit"; then
      [[ -z "$(told WEBHOOK_URL)" ]] || webhook_message "${to##*/}" "$event" "$unit" "$sentence" | put_message "$to.webhook"
      [[ -z "$(told EMAIL)" ]] || email_message "$event" "$unit" "$sentence" | put_message "$to.email"
      # Last: it makes the event old news.
      known="$(known_after "$known" "$now" "$event" "$unit")" && remember "$known"
    elif [[ "$event" == recovered ]]; then
      remember "$(known_after "$known" "$now" "$event" "$unit")"
    fi
  fi
  rm -f "$1"
}

# put_message FILE < text: whole or not at all, and one that was never tried.
put_message() { cat >"$1.new" && touch --date=@0 "$1.new" && mv -f "$1.new" "$1"; }

# is_news KNOWN NOW EVENT UNIT: the same isn't told again within the configured time; a recovery only to those who know of a failure.
is_news() {
  local event="$3"
  case "$event" in
    test) return 0 ;;
    # What was repaired was told with its repair.
    recovered) awk -F '\t' 'NF == 3 && $2 != "repaired" && $2 != "start-limit" { found = 1 } END { exit !found }' <<<"$1" ;;
    *) ! recent "$1" "$2" | awk -F '\t' -v event="$event" -v unit="$4" '$2 == event && $3 == unit { found = 1 } END { exit !found }' ;;
  esac
}

# known_after KNOWN NOW EVENT UNIT: what is known when this was told.
known_after() {
  case "$3" in
    test) printf '%s' "$1" ;;
    recovered) recent "$1" "$2" | awk -F '\t' '$2 == "repaired" || $2 == "start-limit"' ;;
    *)
      awk -F '\t' -v event="$3" -v unit="$4" 'NF == 3 && !($2 == event && $3 == unit)' <<<"$1"
      printf '%s\t%s\t%s\n' "$2" "$3" "$4"
      ;;
  esac
}

# recent KNOWN NOW: what was told within the configured time. A clock that was set back leaves times to come.
recent() { awk -F '\t' -v from="$(($2 - $(setting alertAgainAfterSec 3600)))" -v now="$2" '$1 > from && $1 <= now' <<<"$1"; }

# remember TEXT: with a full disk until the next boot.
remember() {
  local file="$SERVICE_DIR/alerted"
  if [[ -z "$1" ]]; then
    rm -f "$file" "$RUN_DIR/alerted"
  elif { printf '%s\n' "$1" >"$file.new" && mv -f "$file.new" "$file"; } 2>/dev/null; then
    rm -f "$RUN_DIR/alerted"
  else
    rm -f "$file.new" 2>/dev/null || true
    { printf '%s\n' "$1" >"$RUN_DIR/alerted"; } 2>/dev/null || true
  fi
}

# webhook_message ID EVENT UNIT SENTENCE: docs/alerts.md has the fields; Slack and those like it show `text`.
webhook_message() {
  local host unit="$3"
  host="$(</proc/sys/kernel/hostname)"
  [[ "$unit" != - ]] || unit=""
  printf '{"version":1,"id":%s,"text":%s,"service":%s,"host":%s,"event":%s,"unit":%s,"message":%s,"time":%s}\n' \
    "$(json_text "$1")" "$(json_text "$SERVICE on $host: $4")" "$(json_text "$SERVICE")" "$(json_text "$host")" "$(json_text "$2")" \
    "$(json_text "$unit")" "$(json_text "$4")" "$(json_text "$(date --iso-8601=seconds)")"
}

# json_text TEXT: as JSON wants it: no control characters, whole characters only, quote and backslash escaped (RFC 8259, 7).
json_text() { printf '"%s"' "$(safe_lines <<<"$1" | tr '\t\n' '  ' | iconv -c -f UTF-8 -t UTF-8 | sed 's/[\\"]/\\&/g; s/ *$//')"; }

# email_message EVENT UNIT SENTENCE
email_message() {
  local host
  host="$(</proc/sys/kernel/hostname)"
  printf 'To: %s\nSubject: %s on %s: %s\nContent-Type: text/plain; charset=utf-8\nAuto-Submitted: auto-generated\n\n%s\n\nWhen: %s\nWhat the health check says: journalctl -u %s-health-check.service\n' \
    "$(told EMAIL)" "$SERVICE" "$host" "$1${2:+ $2}" "$(safe_lines <<<"$3")" "$(date --iso-8601=seconds)" "$SERVICE" | sed '2s/ -$//'
}

# send_all: oldest first, and who fails once isn't tried again in this run: he must not keep the others waiting.
send_all() {
  local how message status=0
  stale_messages | xargs --no-run-if-empty rm -f --
  for how in ping webhook email; do
    for message in "$ALERTS_DIR"/*."$how"; do
      [[ -e "$message" && -z "$(find "$message" -mmin "-$ALERT_PAUSE_MIN")" ]] || continue
      if "send_$how" "$message"; then
        rm -f "$message"
      else
        touch "$message"
        status=1
        break
      fi
    done
  done
  # They are of their moment.
  rm -f "$ALERTS_DIR"/*.ping
  return "$status"
}

# stale_messages: by when they were put down.
stale_messages() {
  find "$ALERTS_DIR" -name '[0-9]*.*' -printf '%f\n' | awk -F . -v now="$EPOCHSECONDS" -v limit="$ALERT_STALE_SEC" -v directory="$ALERTS_DIR" \
    '$1 < (now - limit) * 1000000 { print directory "/" $0 }'
}

send_webhook() { post "$(told WEBHOOK_URL)" "the webhook" --header "Content-Type: application/json" --data-binary "@$1"; }

# send_ping FILE: healthchecks.io's convention, which others have too: /start, /fail, and nothing for success.
send_ping() {
  local url how
  how="$(head -n 1 "$1")"
  url="$(told PING_URL)"
  [[ "$how" == success ]] || url="${url%/}/$how"
  post "$url" "the ping URL" --header "Content-Type: text/plain" --data-binary "$(tail -n +2 "$1")"
}

# post URL WHOM CURL-ARGUMENT...: up to three attempts, but for one who takes too long: he may have got it. The URL is secret, so it
# stands in no process list, and in no message. It has neither quotes nor backslashes (src/config/alertsSchema.ts).
post() {
  local url="$1" whom="$2" attempt status=0 code=''
  shift 2
  for attempt in 1 2 3; do
    ((attempt == 1)) || sleep 2
    status=0
    code="$(curl --disable --silent --show-error --proto '=http,https' --max-time "$ALERT_ATTEMPT_SEC" --output /dev/null \
      --write-out '%{http_code}' "$@" --config - 2>"$ALERTS_DIR/.reason" <<<"url = \"$url\"")" || status=$?
    # A redirection isn't followed, so nobody was told.
    ((status != 0)) || [[ "$code" != 2?? ]] || return 0
    ((status != 28)) || break
  done
  ((status != 0)) || printf 'HTTP status %s\n' "$code" >"$ALERTS_DIR/.reason"
  say "$whom could not be told: $(tail -n 1 "$ALERTS_DIR/.reason" | safe_lines | mask_secrets)"
  return 1
}

# send_email FILE: through the host's sendmail, where there is one. Some go on in the background, and mustn't keep our lock.
send_email() {
  local sendmail
  if ! sendmail="$(PATH="$PATH:/usr/sbin:/usr/lib" command -v sendmail)"; then
    say "the e-mail could not be sent: this host has no sendmail"
    [[ "$SUBJECT" != test ]]
    return
  fi
  # A file, not a pipe, on which it would be waited for.
  without_locks timeout 40 "$sendmail" -t -oi <"$1" >/dev/null 2>"$ALERTS_DIR/.reason" && return
  say "the e-mail could not be sent: $({ grep . "$ALERTS_DIR/.reason" || echo "sendmail failed"; } | head -n 1 | safe_lines | mask_secrets)"
  return 1
}
