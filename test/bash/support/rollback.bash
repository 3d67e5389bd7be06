# Two configurations of a service, and what a host with the one looks like that the other was tried on.
# shellcheck shell=bash

# unit_text old|new: the service's unit file, with a witness as it may be.
unit_text() { app_unit "$(sha256 "$1" | cut -c1-16)"; }
witness_line() { unit_text "$1" | sed -n 's/^LogExtraFields=//p'; }

# rows_of old|new: extra.service is only in the old one, added.timer and its service only in the new one.
rows_of() {
  directory_row "$APP/bin"
  log_row "$APP/shop.log"
  file_row "$UNITS/shop-recovery.service" "recovery of $1"
  file_row "$UNITS/shop.service" "$(unit_text "$1")"
  file_row "$APP/bin/check" "$1" 0755
  if [[ "$1" == old ]]; then file_row "$UNITS/extra.service" extra && unit_row extra.service extra; fi
  if [[ "$1" == new ]]; then file_row "$UNITS/added.timer" added && file_row "$UNITS/added.service" added && unit_row added.timer timer; fi
  unit_row shop.service
  unit_row shop-recovery.service recovery
}

# settle_old: it's confirmed and runs, then the new one is wanted. BEFORE is how the host looks.
settle_old() {
  rows_of old | manifest
  { install_manifest 0000 && step daemon-reload && step enable shop.service && step enable extra.service && step confirm; } >/dev/null
  rows_of new | manifest
  BEFORE="$(picture)"
}

# picture: files and links, with mode, owner and content, what systemd knows, what is recorded. What logs there are stays.
picture() {
  find "$ROOT/etc" "$ROOT/run/systemd/system" "$APP" ! -name '*.log' -printf '%P %y %m %u:%g %l\n' | sort
  find "$ROOT/etc" "$APP" -type f ! -name '*.log' -exec sha256sum {} + | sort
  local unit
  for unit in shop.service extra.service added.timer added.service apache2.service shop-recovery.service; do
    printf '%s %s %s %s\n' "$unit" "$(systemctl show --property=UnitFileState --value -- "$unit")" \
      "$(systemctl is-active -- "$unit")" "$(cat "$ROOT/run/systemd/units/log-extra-fields:$unit" 2>/dev/null)"
  done
  cat "$SERVICE_DIR/originals/index" "$SERVICE_DIR/manifest" 2>/dev/null || true
}

# is_as_before: as BEFORE, and nothing lies about.
is_as_before() {
  diff <(printf '%s\n' "$BEFORE") <(picture)
  equal "$(find "$SERVICE_DIR" -name 'transaction*' -o -name '*.new')" ""
  equal "$(find "$APP" "$UNITS" -name '.*')" ""
}
