#!/bin/bash
# Managed by pulumi-systemd-ha. An edit made here is undone; change the stack's configuration and run `pulumi up`.
#
# Checks the layers of a service and restarts what doesn't work. Run by the timer, or by hand:
#
#   health-check.sh                 check everything, repair what can be repaired
#   health-check.sh --no-repair     check everything, restart nothing
#   health-check.sh --gate SECONDS [STABLE]
#                                   as an update does: wait so long for the local layers, then whether the service stays up for
#                                   STABLE seconds; restart nothing, let the external URL only warn
#
# Exit codes: 0 healthy (or skipped, because of maintenance, an update or another check in progress), 1 a failure remains, 2 wrong call.
set -uo pipefail
# A shell's own could make the log unreadable.
umask 022

readonly NAME='rps'
readonly APP_UNIT='rps.service'
readonly APP_URL='http://127.0.0.1:5137/'
readonly PROXY_UNIT='apache2.service'
readonly PROXY_URL='http://127.0.0.1:8087/'
readonly TUNNEL_UNIT=''
readonly EXTERNAL_URL='https://rps.pan2.app'
readonly EXPECT_STATUS='200'
readonly EXPECT_TEXT=''
readonly TIMEOUT_SEC='10'
readonly RETRIES='2'
readonly HEALTHY_WITHIN_SEC='30'
readonly FAILURES_BEFORE_REPAIR='1'
readonly MAX_REPAIRS='3'
readonly REPAIR_WINDOW_SEC='3600'
readonly PROXY_DEPENDS_ON='app'
readonly EXTERNAL_DEPENDS_ON='proxy'
readonly ALERTS_FILE=''
readonly HELPER='/usr/local/lib/pulumi-systemd-ha/1/helper'
readonly LOG='/var/www/rps.pan2.app/logs/health-check.log'
# --- settings end ---

readonly STATE_DIR="/var/lib/pulumi-systemd-ha/$NAME"
readonly RUN_DIR="/run/pulumi-systemd-ha-$NAME"

MODE=repair
GATE_SEC=0
STABLE_SEC=0
FAILED=0
FIRST_ERROR=""
EXTERNAL="not configured"
declare -A REPAIRED=()

# What a check says.

# log SENTENCE: to the log and to the caller (the journal, or a terminal). A full disk or a missing directory stops no check.
log() {
  local line directory="${LOG%/*}"
  printf -v line '[%(%Y-%m-%d %H:%M:%S)T] %s' -1 "$*"
  printf '%s\n' "$line"
  [[ -n "$FIRST_ERROR" || "$1" != "ERROR: "* ]] || FIRST_ERROR="${1#ERROR: }"
  [[ -d "$directory" ]] || mkdir -p "$directory" 2>/dev/null
  # In a directory that isn't root's, the service's user could plant a link, and root would write through it. At a pipe it would hang.
  [[ -O "$directory" && ! -L "$directory" && (-f "$LOG" || ! -e "$LOG") ]] && { printf '%s\n' "$line" >>"$LOG"; } 2>/dev/null
  return 0
}

error() {
  FAILED=1
  log "ERROR: $*"
}

# Who else may be at work on the service.

# update_in_progress: until the deadline of an update (boot id and second of uptime), the field is the update's.
update_in_progress() {
  local boot deadline up
  read -r boot deadline 2>/dev/null <"$STATE_DIR/transaction/deadline" || return 1
  read -r up _ </proc/uptime
  [[ "$boot" == "$(</proc/sys/kernel/random/boot_id)" ]] && ((${up%%.*} < deadline))
}

# in_maintenance: somebody keeps the service stopped on purpose. Sets HOLDS, who and since when.
in_maintenance() {
  local owner since by reason
  HOLDS=""
  for owner in config operator; do
    since="" by="" reason=""
    [[ -e "$STATE_DIR/maintenance/$owner" ]] || continue
    IFS=$'\t' read -r since by reason 2>/dev/null <"$STATE_DIR/maintenance/$owner"
    by="${by:-somebody}"
    HOLDS+="${HOLDS:+ and }since ${since:-an unknown time} ($owner: ${reason:-$by})"
  done
  HOLDS="${HOLDS//[[:cntrl:]]/ }"
  [[ -n "$HOLDS" ]]
}

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

# A repair: one restart a run, within the limits.

# repair UNIT URL: only what was seen to work again is a success.
repair() {
  local unit="$1" url="$2" output reason status=0
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
  has_failed_enough "$unit" "repairing" && may_repair "$unit" || return 1
  log "Attempting to restart $unit..."
  # In its start limit a unit refuses a restart until this.
  systemctl reset-failed -- "$unit" 2>/dev/null
  REPAIRED[$unit]=yes
  # The child must not keep this check's lock. A restart that takes longer goes on (124).
  output="$(timeout "$HEALTHY_WITHIN_SEC" systemctl restart -- "$unit" 2>&1 9>&-)" || status=$?
  if ((status != 0 && status != 124)) || ! is_active "$unit"; then
    reason="$(head -n 1 <<<"$output" | head -c 200 | LC_ALL=C tr -d '\000-\037\177')"
    ! is_passing "$(unit_state "$unit")" || reason="its restart still goes on"
    reason="$unit could not be restarted: ${reason:-it is not active after $HEALTHY_WITHIN_SEC s}"
  elif [[ -z "$url" ]] && ! stays_active "$unit"; then
    reason="$unit could not be restarted: it ended at once"
  elif [[ -n "$url" ]] && ! answers_in_time "$url"; then
    reason="$url still does not answer as expected: $REASON"
  else
    log "SUCCESS: $unit restarted successfully"
    forget_failures "$unit"
    # Unless it's of another layer, which still fails.
    ((FAILED)) || FIRST_ERROR=""
    alert repaired "$unit" "$unit was restarted, and works again; what was wrong: $CAUSE"
    return 0
  fi
  error "$reason"
  alert repair-failed "$unit" "$reason"
  return 1
}

# stays_active UNIT: of one that can't be asked; with Type=simple the start of a program that ends at once is none that failed.
stays_active() {
  local process
  process="$(unit_property "$1" InvocationID)"
  sleep 3
  [[ "$(unit_property "$1" InvocationID)" == "$process" ]] && systemctl is-active --quiet -- "$1"
}

# has_failed_enough LAYER DOING: counts runs in a row in which a layer failed; on disk, since with systemd 252 a daemon-reload clears its count.
has_failed_enough() {
  local count
  count="$(saved "failures.$1")"
  [[ "$count" =~ ^[0-9]{1,9}$ ]] || count=0
  count=$((10#$count + 1))
  save "failures.$1" "$count"
  ((count >= FAILURES_BEFORE_REPAIR)) && return 0
  log "$1 failed in $count of $FAILURES_BEFORE_REPAIR runs; not $2 yet"
  return 1
}

# forget_failures LAYER: the next failure is the first of a row.
forget_failures() { rm -f {"$STATE_DIR","$RUN_DIR"}/failures."$1" 2>/dev/null; }

# may_repair UNIT: at most MAX_REPAIRS in the window.
may_repair() {
  local unit="$1" now oldest recent
  printf -v now '%(%s)T' -1
  oldest=$((now - REPAIR_WINDOW_SEC))
  recent="$(awk -v oldest="$oldest" -v now="$now" '$1 > oldest && $1 <= now' < <(saved "repairs.$unit"))"
  if [[ -n "$recent" ]] && (($(wc -l <<<"$recent") >= MAX_REPAIRS)) || ((MAX_REPAIRS == 0)); then
    error "$unit was repaired $MAX_REPAIRS times in the last $REPAIR_WINDOW_SEC s; not trying again"
    alert exhausted "$unit" "$unit doesn't work, and was repaired $MAX_REPAIRS times in the last $REPAIR_WINDOW_SEC s: nothing more is tried, somebody must look"
    return 1
  fi
  save "repairs.$unit" "${recent:+$recent$'\n'}$now"
  return 0
}

# saved NAME: never more than such a note has.
saved() { { tail -c 65536 -- "$RUN_DIR/$1" || tail -c 65536 -- "$STATE_DIR/$1"; } 2>/dev/null | tr -d '\000'; }

# save NAME TEXT: whole or not at all; with a full disk until the next boot.
save() {
  { printf '%s\n' "$2" >"$STATE_DIR/$1.new" && mv -fT "$STATE_DIR/$1.new" "$STATE_DIR/$1"; } 2>/dev/null && rm -f "${RUN_DIR:?}/$1" && return
  rm -f "$STATE_DIR/$1.new" 2>/dev/null
  { printf '%s\n' "$2" >"$RUN_DIR/$1"; } 2>/dev/null
}

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

# An update's own check.

# wait_for_local_layers: quietly; what is still wrong at the end is logged by the check that follows.
wait_for_local_layers() {
  local end=$((SECONDS + GATE_SEC))
  while ((SECONDS < end)); do
    systemctl is-active --quiet -- "$APP_UNIT" && answers_once "$APP_URL" &&
      { [[ -z "$PROXY_UNIT" ]] || answers_once "$PROXY_URL"; } && return
    sleep 0.5
  done
}

# stays_up: a service that ends some seconds after its start passes every quick check. One that somebody else restarts meanwhile,
# as needrestart does, hasn't ended by itself: then its new process is watched.
stays_up() {
  local process restarts end _
  for _ in 1 2 3; do
    process="$(unit_property "$APP_UNIT" InvocationID)" restarts="$(unit_property "$APP_UNIT" NRestarts)"
    sleep "$STABLE_SEC"
    end=$((SECONDS + 30))
    while ((SECONDS < end)) && is_passing "$(unit_state "$APP_UNIT")"; do sleep 0.5; done
    systemctl is-active --quiet -- "$APP_UNIT" || break
    [[ "$(unit_property "$APP_UNIT" InvocationID)" != "$process" ]] || return 0
    (($(unit_property "$APP_UNIT" NRestarts) <= restarts)) || break
  done
  error "$APP_UNIT ended within $STABLE_SEC s after it first answered"
  return 1
}

save_result() {
  { printf 'passed %s\ntime %s\nexternal %s\n' "$1" "$(date --iso-8601=seconds)" "$EXTERNAL" >"$STATE_DIR/health.new" &&
    mv -f "$STATE_DIR/health.new" "$STATE_DIR/health"; } 2>/dev/null
}

parse_arguments() {
  case "$#:${1:-}" in
    0:) ;;
    1:--no-repair) MODE=look ;;
    [23]:--gate) MODE=gate GATE_SEC="$2" STABLE_SEC="${3:-0}" ;;
    *) MODE=unknown ;;
  esac
  if [[ "$MODE" == unknown || ! "$GATE_SEC $STABLE_SEC" =~ ^(0|[1-9][0-9]{0,4})\ (0|[1-9][0-9]{0,4})$ ]]; then
    sed -n '4,/^set /p' "$0" | sed -n 's/^# \{0,1\}//p' >&2
    exit 2
  fi
}

main() {
  parse_arguments "$@"
  if ((EUID != 0)); then
    echo "run it as root: sudo $0" >&2
    exit 2
  fi
  if ! { install -d -m 0700 "$RUN_DIR" && exec 9>"$RUN_DIR/lock"; } 2>/dev/null; then
    log "ERROR: cannot write to $RUN_DIR; nothing was checked"
    exit 1
  fi
  BODY="$RUN_DIR/body.$MODE"
  trap 'rm -f "$BODY" 2>/dev/null' EXIT
  # Never two that may repair at once. An update waits for one that has begun; a check doesn't wait for anything. One that only
  # looks must not hold up the others, however long somebody lets it stand.
  if [[ "$MODE" == repair ]] && ! flock --nonblock 9; then
    log "Another health check is in progress; skipping this one"
    exit 0
  elif [[ "$MODE" == gate ]] && ! flock --wait "$GATE_SEC" 9; then
    log "ERROR: Another health check is still in progress after $GATE_SEC s; nothing was checked"
    exit 1
  fi
  if [[ "$MODE" == repair ]] && update_in_progress; then
    log "An update is in progress; skipping this check"
    exit 0
  fi
  # Who only looks wants to know all the same.
  if [[ "$MODE" != look ]] && in_maintenance; then
    log "Maintenance: $HOLDS; skipping"
    exit 0
  fi
  [[ "$MODE" != gate ]] || wait_for_local_layers
  send_ping start "a check begins"
  log "=== Starting Health Check ==="
  local_layers
  if ((!FAILED && STABLE_SEC)); then stays_up && local_layers; fi
  external_layer
  if ((FAILED)); then
    save_result false
    send_ping fail "${FIRST_ERROR:-a check failed}"
    hand_over_rest
    exit 1
  fi
  if [[ "$MODE" == gate && "$EXTERNAL" != ok && -n "$EXTERNAL_URL" ]]; then
    log "SUCCESS: All local checks passed"
  else
    log "SUCCESS: All checks passed"
  fi
  save_result true
  recovered
  send_ping success "all checks passed"
  hand_over_rest
  # A result that can't be saved makes nothing unhealthy.
  return 0
}

main "$@"
