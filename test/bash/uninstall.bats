#!/usr/bin/env bats
# Destroy puts the host back as it was; the originals are kept once.

load support/host

setup() { new_host; }

# hand_made_host: as somebody configured it by hand, before us.
hand_made_host() {
  mkdir -p "$APP/bin" "$APP/logs"
  chmod 0775 "$APP" && chmod 0770 "$APP/bin"
  echo "their check" >"$APP/bin/check" && chmod 0700 "$APP/bin/check"
  echo "their unit" >"$UNITS/shop.service"
  ln -s /dev/null "$UNITS/masked.service"
  echo "log line" >"$APP/logs/shop.log"
  set_unit shop.service UnitFileState=enabled ActiveState=active
  set_unit apache2.service UnitFileState=disabled ActiveState=active
}

rows() {
  directory_row "$APP" 1775
  directory_row "$APP/bin"
  directory_row "$APP/logs"
  directory_row "$APP/new"
  log_row "$APP/logs/shop.log"
  log_row "$APP/logs/new.log"
  file_row "$APP/bin/check" "our check" 0755
  file_row "$UNITS/shop.service" "our unit"
  file_row "$UNITS/masked.service" "our unit"
  file_row "$UNITS/shop-health-check.service" "our unit"
  file_row "$UNITS/apache2.service.d/restart.conf" "our drop-in"
  file_row "$ROOT/etc/logrotate.d/shop" "our rotation"
  unit_row shop.service
  unit_row apache2.service proxy host
  unit_row shop-health-check.timer timer
}

# picture: everything on the host but what is systemd's and ours.
picture() { (cd "$ROOT" && find srv etc -printf '%p %y %m %l\n' | sort && cat srv/shop/bin/check etc/systemd/system/shop.service srv/shop/logs/shop.log); }

# is_back BEFORE: the host looks as before, but for the logs that came meanwhile.
is_back() {
  equal "$(picture | grep -v new.log)" "$1"
  absent "$STATE_DIR"
  equal "$(systemctl is-enabled shop.service) $(systemctl is-active shop.service)" "enabled active"
  equal "$(systemctl is-enabled apache2.service) $(systemctl is-active apache2.service)" "disabled active"
  equal "$(systemctl is-enabled shop-health-check.timer) $(systemctl is-active shop-health-check.timer)" "disabled inactive"
}

@test "files, links, directories and unit states come back; what we brought goes" {
  hand_made_host
  local before
  before="$(picture)"
  rows | settle
  local unit
  for unit in shop.service apache2.service shop-health-check.timer; do step enable "$unit"; done
  file_is "$UNITS/shop.service" "our unit"
  forget_calls
  run --separate-stderr helper uninstall shop </dev/null
  equal "$status $output" "0 removed; application and logs stay"
  equal "$stderr" ""
  is_back "$before"
  equal "$(count_calls daemon-reload)" 1
}

@test "a service that ran before us isn't stopped or restarted by its removal" {
  hand_made_host
  rows | settle
  forget_calls
  helper uninstall shop </dev/null
  equal "$(calls '(start|stop|restart|disable --now) .*(shop|apache2).service')" ""
}

@test "a service that is ours is stopped and disabled, the timer and the check first" {
  { file_row "$UNITS/shop.service" ours && file_row "$UNITS/shop-health-check.service" ours && unit_row shop.service && unit_row shop-health-check.timer; } | settle
  forget_calls
  helper uninstall shop </dev/null
  equal "$(calls ' stop ')" "systemctl stop -- shop-health-check.timer
systemctl stop -- shop-health-check.service
systemctl stop -- shop.service"
  equal "$(calls ' disable ' | grep -v check.service)" "systemctl disable -- shop-health-check.timer
systemctl disable -- shop.service"
  equal "$(calls 'reset-failed' | sort)" "systemctl reset-failed -- shop-health-check.service
systemctl reset-failed -- shop-health-check.timer
systemctl reset-failed -- shop.service"
}

@test "the originals are those of before the first update" {
  hand_made_host
  local before
  before="$(picture)"
  rows | settle
  { rows | sed 's/our unit/our second unit/' && file_row "$UNITS/extra.service" extra; } | settle
  helper uninstall shop </dev/null
  is_back "$before"
}

@test "an update that was installed but never confirmed is taken away too" {
  hand_made_host
  local before
  before="$(picture)"
  rows | manifest
  install_manifest
  helper uninstall shop </dev/null
  is_back "$before"
}

@test "an unconfirmed update on top of a confirmed one goes with it" {
  hand_made_host
  local before
  before="$(picture)"
  rows | settle
  { unit_row extra.service && file_row "$UNITS/extra.service" extra; } | manifest
  install_manifest bbbb
  step enable extra.service
  helper uninstall shop </dev/null
  is_back "$before"
  equal "$(systemctl is-enabled extra.service)" ""
}

@test "content that was only staged leaves with the service" {
  helper stage shop /etc/x --revision abc123 <<<content
  helper uninstall shop </dev/null
  absent "$STATE_DIR"
}

@test "an uninstall that died is finished by the next, wherever it died" {
  hand_made_host
  local before point
  before="$(picture)"
  rows | settle
  cp -a "$ROOT" "$BATS_TEST_TMPDIR/settled"
  kill_at 0
  helper uninstall shop </dev/null
  equal "$(sort -u "$ROOT/fault-points" | xargs)" "before-forget forgotten put-file restored retired"
  for point in $(points_passed); do
    rm -rf "$ROOT" && cp -a "$BATS_TEST_TMPDIR/settled" "$ROOT"
    kill_at "$point"
    run helper uninstall shop </dev/null
    equal "$status" 137
    kill_at 0
    helper uninstall shop </dev/null
    is_back "$before"
  done
}

@test "uninstall once more says that there is nothing" {
  unit_row shop.service | settle
  helper uninstall shop </dev/null
  run --separate-stderr helper uninstall shop </dev/null
  equal "$status $output$stderr" "0 nothing to remove"
}

@test "uninstall of a service that was never there says so" {
  run --separate-stderr helper uninstall shop </dev/null
  equal "$status $output$stderr" "0 nothing to remove"
  absent "$STATE_DIR"
}

@test "the helper goes with the last service only" {
  mkdir -p "$ROOT/usr/local/lib/pulumi-systemd-ha/1"
  unit_row shop.service | settle
  helper stage blog /etc/x --revision abc123 </dev/null
  helper uninstall shop </dev/null
  [[ -d "$ROOT/usr/local/lib/pulumi-systemd-ha/1" && -d "$STATE_DIR/blog" ]]
  helper uninstall blog </dev/null
  absent "$ROOT/usr/local/lib/pulumi-systemd-ha"
  absent "$STATE_DIR"
}

@test "directories that we made stay if something lies in them" {
  { directory_row "$APP/logs" && log_row "$APP/logs/shop.log"; } | settle
  helper uninstall shop </dev/null
  [[ -f "$APP/logs/shop.log" ]]
}

@test "an empty directory that was there before us stays" {
  mkdir -m 0750 "$APP/bin"
  { directory_row "$APP/bin" && file_row "$APP/bin/check" ours && file_row "$UNITS/shop.service" ours; } | settle
  helper uninstall shop </dev/null
  equal "$(stat -c %a "$APP/bin")" 750
  [[ -d "$UNITS" ]]
}

@test "a directory's owner and mode come back" {
  needs_root
  chown nobody:nogroup "$APP" && chmod 0770 "$APP"
  directory_row "$APP" 1775 root:root | settle
  equal "$(stat -c '%a %U' "$APP")" "1775 root"
  helper uninstall shop </dev/null
  equal "$(stat -c '%a %U:%G' "$APP")" "770 nobody:nogroup"
}

@test "an original whose link target has any characters comes back" {
  ln -s $'/tmp/a\nfile\t/etc/x\tlink' "$APP/check"
  { file_row "$APP/check" ours && file_row "$APP/x" ours; } | settle
  # No line of it got into the index.
  equal "$(wc -l <"$SERVICE_DIR/originals/index")" 2
  helper uninstall shop </dev/null
  equal "$(readlink "$APP/check")" $'/tmp/a\nfile\t/etc/x\tlink'
}

@test "a line of the originals that a crash cut off doesn't swallow the next" {
  echo theirs >"$APP/check"
  file_row "$APP/check" ours | manifest
  mkdir -p "$SERVICE_DIR/originals"
  printf 'file\t%s\tabs' "$APP/check" >"$SERVICE_DIR/originals/index"
  install_manifest && step confirm
  helper uninstall shop </dev/null
  file_is "$APP/check" theirs
}

@test "a daemon-reload that fails can be tried again" {
  hand_made_host
  local before
  before="$(picture)"
  rows | settle
  set_unit . daemon-reload=fail
  fails 1 helper uninstall shop </dev/null
  equal "$stderr" "systemctl daemon-reload failed; run the destroy again"
  set_unit . daemon-reload=
  helper uninstall shop </dev/null
  is_back "$before"
}
