# The end: what was there before comes back, what we brought goes; application and logs stay.
# shellcheck shell=bash

verb_uninstall() {
  if [[ ! -d "$SERVICE_DIR" ]]; then
    say "nothing to remove"
    return 0
  fi
  lock_service
  lock_host
  local manifest path
  manifest="$(current_manifest)"
  if [[ -f "$manifest" ]]; then
    # The timer first, or it would repair what is being taken away.
    while IFS=$'\037' read -r _ path _; do
      if [[ "$path" == *.timer ]]; then retire_unit "$path"; fi
    done < <(manifest_rows "$manifest" unit)
    while IFS=$'\037' read -r _ path _; do
      retire_unit "$path"
    done < <(manifest_rows "$manifest" unit)
    for path in $(own_services "$manifest"); do systemctl stop -- "$path" 2>/dev/null || true; done
    fault_point retired
    while IFS=$'\037' read -r _ path _; do
      restore_file "$path"
      fault_point restored
    done < <({ manifest_rows "$manifest" file && confirmed_files; } | sort -u -t $'\037' -k 2,2)
    restore_directories
    systemctl daemon-reload || fail "$EXIT_FAILED" "systemctl daemon-reload failed; run the destroy again"
    # Also of the health check's service, which is no unit that anybody enables.
    for path in $(own_services "$manifest"); do systemctl reset-failed -- "$path" 2>/dev/null || true; done
  fi
  fault_point before-forget
  rm -rf "$SERVICE_DIR"
  forget_host
  say "removed; application and logs stay"
}

# own_services MANIFEST: names of the service units that are files of ours.
own_services() { manifest_rows "$1" file | sed -nE $'s|^file\037/etc/systemd/system/([^/\037]+\\.service)\037.*|\\1|p'; }

# confirmed_files: also those of the configuration before an update that broke off.
confirmed_files() {
  [[ ! -f "$SERVICE_DIR/manifest" ]] || manifest_rows "$SERVICE_DIR/manifest" file
}

# forget_host: the last service takes the helper and the state directory with it.
forget_host() {
  local other
  for other in "$STATE_DIR"/*/; do
    [[ ! -d "$other" ]] || return 0
  done
  rm -rf "$STATE_DIR" "$HELPER_ROOT"
}
