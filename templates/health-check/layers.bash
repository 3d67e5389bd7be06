# The layers in their order. One whose dependency has failed isn't asked: it would be blamed for the other.

# local_layers: what can be mended on this host.
local_layers() {
  local proxy_url="$PROXY_URL"
  layer "$APP_UNIT" "$APP_URL" || [[ "$PROXY_DEPENDS_ON" != app ]] || proxy_url=""
  [[ -z "$PROXY_UNIT" ]] || layer "$PROXY_UNIT" "$proxy_url"
  [[ -z "$TUNNEL_UNIT" ]] || layer "$TUNNEL_UNIT" ""
}

# layer UNIT URL: running, and answering where there is a URL; a process may hang while its unit is active.
layer() {
  local unit="$1" url="$2" reason status
  if is_active "$unit"; then
    if [[ -z "$url" ]] || answers_by_now "$url" "$unit"; then
      # A proxy that wasn't asked hasn't shown that it works.
      [[ -z "$url" && "$unit" == "$PROXY_UNIT" ]] || forget_failures "$unit"
      return 0
    fi
    if [[ "$unit" == "$PROXY_UNIT" && "$PROXY_DEPENDS_ON" == app ]]; then
      # The application may have gone since it was asked; then its proxy isn't to blame. One that hangs (28) isn't waited for again.
      reason="$REASON" status="$CURL_STATUS"
      layer "$APP_UNIT" "$APP_URL" || return
      if ((status == 28 && ${#REPAIRED[@]} == 0)); then
        REASON="$reason" CURL_STATUS=28
      elif answers_once "$url"; then
        forget_failures "$unit"
        return 0
      fi
    fi
    if ! could_ask; then
      log "ERROR: $url can't be asked, so nothing is restarted for it: $REASON"
      FAILED=1
      return 1
    fi
    CAUSE="$url does not answer as expected: $REASON"
  else
    CAUSE="$unit is not running"
    ! gave_up "$unit" || alert start-limit "$unit" "$unit has reached its start limit: systemd doesn't start it any more"
  fi
  log "ERROR: $CAUSE"
  repair "$unit" "$url" && return
  FAILED=1
  return 1
}

# external_layer: what is between the users and this host can't be mended by restarting anything here.
external_layer() {
  local fault kind=ERROR
  [[ -n "$EXTERNAL_URL" ]] || return
  if ((FAILED)) && [[ "$EXTERNAL_DEPENDS_ON" != nothing ]]; then
    EXTERNAL="not checked"
    return
  fi
  EXTERNAL="ok"
  # An update isn't held up by what it can't mend.
  if if [[ "$MODE" == gate ]]; then answers_once "$EXTERNAL_URL"; else answers_by_now "$EXTERNAL_URL"; fi; then
    forget_failures external
    return
  fi
  EXTERNAL="$REASON"
  fault="$(external_fault "$EXTERNAL_URL")"
  if [[ "$MODE" == gate ]]; then kind=WARNING; fi
  if ((FAILED)); then
    log "$kind: $EXTERNAL_URL is not reachable either: $REASON"
    return
  fi
  log "$kind: $EXTERNAL_URL is not reachable: $REASON${fault:+; at fault: $fault}"
  [[ "$MODE" != gate ]] || return
  FAILED=1
  [[ "$MODE" != repair || -z "$ALERTS_FILE" ]] || ! has_failed_enough external "alerting" ||
    alert external - "$EXTERNAL_URL is not reachable: $REASON${fault:+; at fault: $fault}; the host itself is well, nothing was restarted"
}

# external_fault URL: where to look, if what was seen doesn't say so itself. curl's exit codes are in curl(1); 52x and 530 are what
# Cloudflare's edge says itself of the way to this host.
external_fault() {
  could_ask || { echo "curl on this host" && return; }
  case "$CURL_STATUS" in
    0)
      [[ ! "$HTTP_STATUS" =~ ^(52[0-7]|530)$ ]] || echo "the tunnel, or the edge's way to this host"
      ;;
    # Longer than it may be, see answers_once.
    23 | 63 | 153) ;;
    51 | 60 | 83 | 90 | 91) echo "the certificate" ;;
    35 | 53 | 54 | 58 | 59 | 66 | 77 | 80 | 82) echo "TLS" ;;
    5 | 6) if has_network; then echo "name resolution"; else no_network; fi ;;
    # Who refuses was reached.
    7) if has_network || is_refused "$1"; then echo "the connection"; else no_network; fi ;;
    *)
      if [[ "$REASON" != *"Resolving timed out"* ]]; then
        echo "the connection"
      elif has_network; then
        echo "name resolution"
      else
        no_network
      fi
      ;;
  esac
}

no_network() { echo "this host's network: it has no default route"; }

# is_refused URL: of an address that can't be reached at all curl says the same, but in its verbose words.
is_refused() { [[ "$(LC_ALL=C curl --disable --silent --verbose --proto '=http,https' --max-time "$TIMEOUT_SEC" --output /dev/null -- "$1" 2>&1)" == *"Connection refused"* ]]; }

# has_network: a default route, of IPv4 or IPv6.
has_network() {
  awk '$2 == "00000000" && $8 == "00000000" { found = 1 } END { exit !found }' /proc/net/route 2>/dev/null ||
    awk '$1 == "00000000000000000000000000000000" && $2 == "00" && $10 != "lo" { found = 1 } END { exit !found }' /proc/net/ipv6_route 2>/dev/null
}
