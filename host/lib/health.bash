# The update's own health check: the local layers, without repair.
# shellcheck shell=bash

# A service that was just started must stay up so long after it first answered.
readonly STABLE_SEC=6

# health-check: waits until the local layers are healthy, fails with what the check logged. The external URL only warns.
verb_health_check() {
  hold_off_rollback
  require_transaction
  local lines GATE_OUTPUT stable=0
  [[ ! -e "$SERVICE_DIR/transaction/restarted" ]] || stable="$STABLE_SEC"
  # In maintenance it says so, and looks at nothing.
  gate "$stable"
  mapfile -t lines <<<"$GATE_OUTPUT"
  {
    if is_in_maintenance; then
      printf 'maintenance yes\npassed false\ntime %s\nexternal not checked\n' "$(date --iso-8601=seconds)"
    else
      cat "$SERVICE_DIR/health"
    fi
    printf 'log %s\n' "${lines[@]}"
  } || true
}

# gate STABLE-SEC [BUT]: waits until the local layers are healthy, fails with what the check logged. Sets GATE_OUTPUT, its log.
gate() {
  local reason status=0 within
  within="$(healthy_within_sec)"
  GATE_OUTPUT="$(without_locks "$(setting healthCheckScript)" --gate "$within" "$1" 2>&1)" || status=$?
  GATE_OUTPUT="$(safe_lines <<<"$GATE_OUTPUT" | tail -n 30)"
  fault_point checked
  ((status != 0)) || return 0
  reason="$(first_error <<<"$GATE_OUTPUT")"
  fail_with_words "$(service_unit_of "$(current_manifest)")" "${2:+$2 }the service isn't healthy $within s after the start: ${reason:-${GATE_OUTPUT%%$'\n'*}}" "$GATE_OUTPUT"
}

# first_error < lines of the health check's log: what was wrong, without the time.
first_error() { sed -n 's/^\[[^]]*\] ERROR: //p' | head -n 1; }
