# What is to be told outside: put down for the helper, which sends it in a unit of its own. No check and no repair waits for that.

# How much may lie there while the helper doesn't come.
readonly MAX_EVENTS=50

# alert EVENT UNIT SENTENCE: for people, see `alerts` in docs/alerts.md.
alert() { [[ "$MODE" != repair || -z "$ALERTS_FILE" ]] || put_down "$@"; }

# send_ping start|success|fail SENTENCE: for a service that misses the pings of a host that is down.
send_ping() {
  [[ "$MODE" == repair && -n "$ALERTS_FILE" ]] && grep -q '^PING_URL=' "$ALERTS_FILE" 2>/dev/null || return 0
  put_down "ping-$1" - "$2"
}

# recovered: the helper knows whether anybody was told of a failure.
recovered() { [[ ! -e "$STATE_DIR/alerted" && ! -e "$RUN_DIR/alerted" ]] || alert recovered - "all checks pass again"; }

# put_down EVENT UNIT SENTENCE
put_down() {
  local directory="$RUN_DIR/alerts" id="$EPOCHREALTIME"
  id="${id//[^0-9]/}"
  # Oldest first, by their names; a hidden one isn't whole yet.
  { install -d -m 0700 "$directory" && (($(find "$directory" -name '*.event' | wc -l) < MAX_EVENTS)) &&
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >"$directory/.$id" && mv -f "$directory/.$id" "$directory/$id.event"; } 2>/dev/null ||
    log "WARNING: the alert '$1' could not be put down"
  hand_over "$id"
}

# hand_over ID: some sendmails go on in the background when they have ended (KillMode=process).
hand_over() {
  timeout 5 systemd-run --quiet --collect --no-block --unit="$NAME-alert-$1" --property=RuntimeMaxSec=600 --property=KillMode=process \
    /bin/bash "$HELPER" alert "$NAME" 9>&- </dev/null >/dev/null 2>&1 || log "WARNING: the alerts could not be handed over"
}

# hand_over_rest: what couldn't be sent before; there need be nothing new.
hand_over_rest() {
  [[ "$MODE" != repair || -z "$(find "$RUN_DIR/alerts" -name '[0-9]*' ! -name '*.ping' -print -quit 2>/dev/null)" ]] || hand_over "${EPOCHREALTIME//[^0-9]/}"
}
