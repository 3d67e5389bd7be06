# The update's own health check: the local layers, without repair.
# shellcheck shell=bash

# A service that was just started must stay up so long after it first answered.
readonly STABLE_SEC=6

# health-check: waits until the local layers are healthy, fails with what the check logged. The external URL only warns.
verb_health_check() {
  hold_off_rollback
  require_transaction
  local output lines reason status=0 within stable=0
  within="$(healthy_within_sec)"
  [[ ! -e "$SERVICE_DIR/transaction/restarted" ]] || stable="$STABLE_SEC"
  output="$(without_locks "$(setting healthCheckScript)" --gate "$within" "$stable" 2>&1)" || status=$?
  output="$(safe_lines <<<"$output" | tail -n 30)"
  fault_point checked
  if ((status != 0)); then
    reason="$(first_error <<<"$output")"
    fail_with_words "$(service_unit_of "$(current_manifest)")" "the service isn't healthy $within s after the start: ${reason:-${output%%$'\n'*}}" "$output"
  fi
  mapfile -t lines <<<"$output"
  { cat "$SERVICE_DIR/health" && printf 'log %s\n' "${lines[@]}"; } || true
}

# first_error < lines of the health check's log: what was wrong, without the time.
first_error() { sed -n 's/^\[[^]]*\] ERROR: //p' | head -n 1; }
