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
    { printf '%s\n' "the service isn't healthy $within s after the start:" "$output" && why_unhealthy; } >&2 || true
    exit "$EXIT_FAILED"
  fi
  mapfile -t lines <<<"$output"
  { cat "$SERVICE_DIR/health" && printf 'log %s\n' "${lines[@]}"; } || true
}

# why_unhealthy: nobody should have to log in for the service's own last words.
why_unhealthy() {
  local manifest log unit
  manifest="$(current_manifest)"
  unit="$(service_unit_of "$manifest")"
  printf 'last lines of journalctl -u %s:\n' "$unit"
  last_journal_lines "$unit" | tail -n 10 | sed 's/^/  /'
  while IFS=$'\037' read -r _ log _; do
    [[ "$log" == *-error.log && -s "$log" && ! -L "$log" ]] || continue
    printf 'last lines of %s:\n' "$log"
    tail -n 12 -- "$log" | safe_lines | mask_secrets | sed 's/^/  /'
  done < <(manifest_rows "$manifest" log)
}
