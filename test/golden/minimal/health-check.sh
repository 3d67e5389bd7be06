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

readonly NAME='shop'
readonly APP_UNIT='shop.service'
readonly APP_URL='http://127.0.0.1:8080/'
readonly PROXY_UNIT=''
readonly PROXY_URL=''
readonly TUNNEL_UNIT=''
readonly EXTERNAL_URL=''
readonly EXPECT_STATUS='200'
readonly EXPECT_TEXT=''
readonly TIMEOUT_SEC='10'
readonly RETRIES='2'
readonly HEALTHY_WITHIN_SEC='30'
readonly FAILURES_BEFORE_REPAIR='1'
readonly MAX_REPAIRS='3'
readonly REPAIR_WINDOW_SEC='3600'
readonly LOG='/var/www/shop/logs/health-check.log'
# --- settings end ---

readonly STATE_DIR="/var/lib/pulumi-systemd-ha/$NAME"
readonly RUN_DIR="/run/pulumi-systemd-ha-$NAME"

MODE=repair
GATE_SEC=0
STABLE_SEC=0
FAILED=0
EXTERNAL="not configured"
declare -A REPAIRED=()

# What a check says.

# log SENTENCE: to the log and to the caller (the journal, or a terminal). A full disk or a missing directory stops no check.
log() {
  local line directory="${LOG%/*}"
  printf -v line '[%(%Y-%m-%d %H:%M:%S)T] %s' -1 "$*"
  printf '%s\n' "$line"
  [[ -d "$directory" ]] || mkdir -p "$directory" 2>/dev/null
  # In a directory that isn't root's, the service's user could plant a link, and root would write through it.
  [[ -O "$directory" && ! -L "$directory" ]] && { printf '%s\n' "$line" >>"$LOG"; } 2>/dev/null
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

# How often something is repaired.

# has_failed_enough UNIT: counts runs in a row in which a layer failed; the count is on disk, a daemon-reload clears systemd's.
has_failed_enough() {
  local count
  count="$(saved_count "failures.$1")"
  [[ "$count" =~ ^[0-9]{1,9}$ ]] || count=0
  count=$((count + 1))
  save_count "failures.$1" "$count"
  ((count >= FAILURES_BEFORE_REPAIR)) && return 0
  log "$1 failed in $count of $FAILURES_BEFORE_REPAIR runs; not repairing yet"
  return 1
}

# may_repair UNIT: at most MAX_REPAIRS in the window.
may_repair() {
  local unit="$1" now oldest recent
  printf -v now '%(%s)T' -1
  oldest=$((now - REPAIR_WINDOW_SEC))
  recent="$(awk -v oldest="$oldest" -v now="$now" '$1 > oldest && $1 <= now' < <(saved_count "repairs.$unit"))"
  if [[ -n "$recent" ]] && (($(wc -l <<<"$recent") >= MAX_REPAIRS)) || ((MAX_REPAIRS == 0)); then
    error "$unit was repaired $MAX_REPAIRS times in the last $REPAIR_WINDOW_SEC s; not trying again"
    return 1
  fi
  save_count "repairs.$unit" "${recent:+$recent$'\n'}$now"
  return 0
}

# saved_count NAME
saved_count() { cat "$RUN_DIR/$1" 2>/dev/null || cat "$STATE_DIR/$1" 2>/dev/null; }

# save_count NAME TEXT: whole or not at all; with a full disk until the next boot.
save_count() {
  { printf '%s\n' "$2" >"$STATE_DIR/$1.new" && mv -f "$STATE_DIR/$1.new" "$STATE_DIR/$1"; } 2>/dev/null && rm -f "${RUN_DIR:?}/$1" && return
  rm -f "$STATE_DIR/$1.new" 2>/dev/null
  { printf '%s\n' "$2" >"$RUN_DIR/$1"; } 2>/dev/null
}

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
  local process restarts _
  for _ in 1 2 3; do
    process="$(app_property InvocationID)" restarts="$(app_property NRestarts)"
    sleep "$STABLE_SEC"
    comes_to_rest
    systemctl is-active --quiet -- "$APP_UNIT" || break
    [[ "$(app_property InvocationID)" != "$process" ]] || return 0
    (($(app_property NRestarts) <= restarts)) || break
  done
  error "$APP_UNIT ended within $STABLE_SEC s after it first answered"
  return 1
}

# comes_to_rest: a restart is down for a moment, with the job for its start still to come.
comes_to_rest() {
  local end=$((SECONDS + 30))
  while ((SECONDS < end)); do
    case "$(app_property ActiveState)" in
      activating | deactivating | reloading | refreshing) ;;
      inactive) [[ "$(app_property Job)" =~ ^[1-9] ]] || return 0 ;;
      *) return 0 ;;
    esac
    sleep 0.5
  done
}

# app_property NAME
app_property() { systemctl show --property="$1" --value -- "$APP_UNIT" 2>/dev/null; }

save_result() {
  { printf 'passed %s\ntime %s\nexternal %s\n' "$1" "$(date --iso-8601=seconds)" "$EXTERNAL" >"$STATE_DIR/health.new" &&
    mv -f "$STATE_DIR/health.new" "$STATE_DIR/health"; } 2>/dev/null
}

parse_arguments() {
  case "${1:-}" in
    '') ;;
    --no-repair) MODE=look ;;
    --gate) MODE=gate GATE_SEC="${2:-}" STABLE_SEC="${3:-0}" ;;
    *) MODE=unknown ;;
  esac
  if [[ "$MODE" == unknown || ! "$GATE_SEC $STABLE_SEC" =~ ^[0-9]+\ [0-9]+$ ]]; then
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
  BODY="$RUN_DIR/body.$MODE" REASON_FILE="$RUN_DIR/reason.$MODE"
  trap 'rm -f "$BODY" "$REASON_FILE"' EXIT
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
  log "=== Starting Health Check ==="
  local_layers
  if ((!FAILED && STABLE_SEC)); then stays_up && local_layers; fi
  if ((!FAILED)); then
    rm -f {"$STATE_DIR","$RUN_DIR"}/failures.*
    external_layer
  fi
  if ((FAILED)); then
    save_result false
    exit 1
  fi
  if [[ "$MODE" == gate && "$EXTERNAL" != ok && -n "$EXTERNAL_URL" ]]; then
    log "SUCCESS: All local checks passed"
  else
    log "SUCCESS: All checks passed"
  fi
  save_result true
  # A result that can't be saved makes nothing unhealthy.
  return 0
}

main "$@"
