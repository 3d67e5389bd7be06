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
