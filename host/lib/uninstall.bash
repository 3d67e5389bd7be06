# The end: what was there before comes back, what we brought goes; application and logs stay.
# shellcheck shell=bash

verb_uninstall() {
  local gone="$STATE_DIR/.$SERVICE.removed" path
  rm -rf "$gone"
  if [[ ! -d "$SERVICE_DIR" ]]; then
    forget_host
    say "nothing to remove"
    return 0
  fi
  lock_service
  lock_host
  finish_swap
  # Without the originals at least what is ours goes.
  if [[ -f "$SERVICE_DIR/originals/index" || -n "$(managed_rows)" ]]; then
    mkdir -p "$SERVICE_DIR/originals" && touch "$SERVICE_DIR/originals/index"
    put_host_back
  fi
  fault_point before-forget
  # Renamed first: half removed, it would look like a service without originals.
  mv -T "$SERVICE_DIR" "$gone"
  fault_point forgotten
  rm -rf "$gone" "$(note_file)" "$(others_file)"
  forget_host
  say "removed; application and logs stay"
}

put_host_back() {
  local path
  # The timer, and the check that it started, first: they would repair what is being taken away.
  for path in $(managed_paths unit | grep '\.timer$') $(own_services) $(managed_paths unit | grep -v '\.timer$' | tac); do retire_unit "$path"; done
  fault_point retired
  while IFS= read -r path; do
    restore_file "$path"
    fault_point restored
  done < <(managed_paths file)
  put_back_overrides "$SERVICE_DIR/originals"
  put_back_owners "$SERVICE_DIR/originals"
  systemctl daemon-reload || fail "$EXIT_FAILED" "systemctl daemon-reload failed; run the destroy again"
  for path in $(managed_paths unit) $(own_services); do systemctl reset-failed -- "$path" 2>/dev/null || true; done
}

# own_services: service units of ours that nobody enables, such as the health check's.
own_services() {
  managed_rows | awk -F '\t' '$1 == "unit" { units[$2] } $1 == "file" && sub("^/etc/systemd/system/", "", $2) && $2 ~ /^[^\/]+\.service$/ { files[$2] }
    END { for (name in files) if (!(name in units)) print name }'
}

# forget_host: the last service takes the helper and the state directory with it.
forget_host() {
  local other descriptor
  # Not while another service's first step installs it.
  exec {descriptor}>>/run/pulumi-systemd-ha.helper.lock
  flock --wait "$LOCK_WAIT_SEC" "$descriptor" || return 0
  for other in "$STATE_DIR"/*/; do
    [[ ! -d "$other" ]] || return 0
  done
  rm -rf "$STATE_DIR" "$HELPER_ROOT"
}
