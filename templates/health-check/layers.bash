# The layers, one after the other, and their repair.

# local_layers: the proxy is asked only when the application answers, so that it is never blamed for the application.
local_layers() {
  unit_layer "$APP_UNIT"
  [[ -z "$PROXY_UNIT" ]] || unit_layer "$PROXY_UNIT"
  [[ -z "$TUNNEL_UNIT" ]] || unit_layer "$TUNNEL_UNIT"
  ((FAILED)) && return
  http_layer "$APP_UNIT" "$APP_URL" || return
  rm -f {"$STATE_DIR","$RUN_DIR"}/failures."$APP_UNIT"
  [[ -z "$PROXY_UNIT" ]] || http_layer "$PROXY_UNIT" "$PROXY_URL"
}

# unit_layer UNIT
unit_layer() {
  is_active "$1" && return 0
  log "ERROR: $1 is not running"
  repair "$1" && return 0
  FAILED=1
  return 1
}

# http_layer UNIT URL: a process may hang while its unit is active.
http_layer() {
  local unit="$1" url="$2"
  if ((${#REPAIRED[@]})); then answers_in_time "$url"; else answers "$url"; fi && return 0
  log "ERROR: $url does not answer as expected: $REASON"
  if repair "$unit"; then
    answers_in_time "$url" && return 0
    error "$url still does not answer as expected: $REASON"
  fi
  FAILED=1
  return 1
}

# external_layer: what is between the users and this host can't be mended by restarting anything here.
external_layer() {
  [[ -n "$EXTERNAL_URL" ]] || return
  EXTERNAL="ok"
  # An update isn't held up by what it can't mend.
  if [[ "$MODE" == gate ]]; then answers_once "$EXTERNAL_URL"; else answers "$EXTERNAL_URL"; fi && return
  EXTERNAL="$REASON"
  if [[ "$MODE" == gate ]]; then
    log "WARNING: $EXTERNAL_URL is not reachable: $REASON"
  else
    error "$EXTERNAL_URL is not reachable: $REASON"
  fi
}

# repair UNIT: one restart a run, within the limits. A unit in start limit refuses it until reset-failed.
repair() {
  local unit="$1" reason
  [[ "$MODE" == repair && -z "${REPAIRED[$unit]:-}" ]] || return 1
  # It may have begun since.
  if update_in_progress; then
    log "An update is in progress; leaving $unit to it"
    return 1
  fi
  if in_maintenance; then
    log "Maintenance began; leaving $unit alone"
    return 1
  fi
  has_failed_enough "$unit" && may_repair "$unit" || return 1
  log "Attempting to restart $unit..."
  systemctl reset-failed -- "$unit" 2>/dev/null
  REPAIRED[$unit]=yes
  # The child must not keep this check's lock.
  if timeout "$HEALTHY_WITHIN_SEC" systemctl restart -- "$unit" 9>&- 2>"$REASON_FILE" && is_active "$unit"; then
    log "SUCCESS: $unit restarted successfully"
  else
    reason="$(head -n 1 "$REASON_FILE" | head -c 200 | LC_ALL=C tr -d '\000-\037\177')"
    error "$unit could not be restarted: ${reason:-it is not active after $HEALTHY_WITHIN_SEC s}"
    return 1
  fi
}
