# The update's own health check: the local layers, without repair.
# shellcheck shell=bash

# health-check: waits until the local layers are healthy, fails with what the check logged. The external URL only warns.
verb_health_check() {
  require_transaction
  local output lines status=0
  output="$("$HEALTH_CHECK" --gate "$WITHIN_SEC" 2>&1)" || status=$?
  output="$(safe_lines <<<"$output" | tail -n 30)"
  if ((status != 0)); then
    fail "$EXIT_FAILED" "the service isn't healthy $WITHIN_SEC s after the start:"$'\n'"$output"
  fi
  mapfile -t lines <<<"$output"
  { cat "$SERVICE_DIR/health" && printf 'log %s\n' "${lines[@]}"; } || true
}
