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
    process="$(unit_property "$APP_UNIT" InvocationID)" restarts="$(unit_property "$APP_UNIT" NRestarts)"
    sleep "$STABLE_SEC"
    comes_to_rest
    systemctl is-active --quiet -- "$APP_UNIT" || break
    [[ "$(unit_property "$APP_UNIT" InvocationID)" != "$process" ]] || return 0
    (($(unit_property "$APP_UNIT" NRestarts) <= restarts)) || break
  done
  error "$APP_UNIT ended within $STABLE_SEC s after it first answered"
  return 1
}

# comes_to_rest: a restart is down for a moment, with the job for its start still to come.
comes_to_rest() {
  local end=$((SECONDS + 30))
  while ((SECONDS < end)); do
    case "$(unit_property "$APP_UNIT" ActiveState)" in
      activating | deactivating | reloading | refreshing) ;;
      inactive) [[ "$(unit_property "$APP_UNIT" Job)" =~ ^[1-9] ]] || return 0 ;;
      *) return 0 ;;
    esac
    sleep 0.5
  done
}
