# The update's own health check: the local layers, without repair.
# shellcheck shell=bash

# health-check: waits until the local layers are healthy, fails with what the check logged. The external URL only warns.
verb_health_check() {
  require_transaction
  local output lines status=0 within
  within="$(healthy_within_sec)"
  output="$("$(setting healthCheckScript)" --gate "$within" 2>&1)" || status=$?
  output="$(safe_lines <<<"$output" | tail -n 30)"
  if ((status != 0)); then
    record "$EXIT_FAILED" "the service isn't healthy $within s after the start"
    { printf '%s\n' "the service isn't healthy $within s after the start:" "$output" && last_words "$(service_unit_of "$(current_manifest)")"; } >&2 || true
    exit "$EXIT_FAILED"
  fi
  mapfile -t lines <<<"$output"
  { cat "$SERVICE_DIR/health" && printf 'log %s\n' "${lines[@]}"; } || true
}
