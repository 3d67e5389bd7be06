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
