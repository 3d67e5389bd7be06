#!/usr/bin/env bats
# What others changed is undone by the next update, and kept where it may be somebody's work.

load support/host

setup() { new_host; }
teardown() { umount "$ROOT/var/backups" 2>/dev/null || true; }

# rows: the service's unit, a script and the proxy's drop-in.
rows() {
  directory_row "$APP/bin"
  file_row "$APP/bin/check" ours 0755
  file_row "$UNITS/shop.service" "$(app_unit 1111)"$'\nRestart=always'
  file_row "$UNITS/apache2.service.d/restart.conf" $'[Unit]\nStartLimitBurst=10\n[Service]\nRestart=always\nRestartSec=5'
  unit_row shop.service
  unit_row apache2.service proxy host
}
settled() { rows | settle; }
# again: the same once more, as after drift.
again() { install_manifest bbbb; }

@test "an edit of a managed file is undone, and kept" {
  settled
  echo theirs >>"$APP/bin/check" && chmod 0700 "$APP/bin/check"
  run --separate-stderr again
  equal "$status$stderr" 0
  file_is "$APP/bin/check" ours
  equal "$(kept)" -srv-shop-bin-check
  file_is "$(kept_as "$APP/bin/check")" $'ours\ntheirs'
  equal "$(stat -c %a "$(kept_as "$APP/bin/check")" "$ASIDE" "${ASIDE%/*}")" $'700\n700\n700'
  equal "$(record_of kept)" $'install\tshop\t0\tkept '"$APP/bin/check as $(kept_as "$APP/bin/check")"
}

@test "a file that has another mode only, or is missing, leaves nothing to keep" {
  settled
  chmod 0777 "$APP/bin/check"
  rm "$UNITS/shop.service"
  again
  equal "$(stat -c %a "$APP/bin/check")" 755
  [[ -f "$UNITS/shop.service" ]]
  equal "$(kept)" ""
}

@test "a link in the place of a managed file is kept as a link, its target isn't touched" {
  settled
  echo theirs >"$ROOT/tmp/target"
  ln -sf "$ROOT/tmp/target" "$APP/bin/check"
  again
  [[ ! -L "$APP/bin/check" ]]
  equal "$(readlink "$(kept_as "$APP/bin/check")")" "$ROOT/tmp/target"
  file_is "$ROOT/tmp/target" theirs
}

@test "a link to our own content is a foreign edit too" {
  settled
  mv "$APP/bin/check" "$APP/bin/real" && ln -s real "$APP/bin/check"
  again
  [[ ! -L "$APP/bin/check" ]]
  equal "$(readlink "$(kept_as "$APP/bin/check")")" real
}

@test "a directory in the place of a managed file is moved aside with what lies in it" {
  settled
  rm "$APP/bin/check" && mkdir "$APP/bin/check" && echo theirs >"$APP/bin/check/a file"
  again
  file_is "$APP/bin/check" ours
  file_is "$(kept_as "$APP/bin/check")/a file" theirs
}

@test "a pipe in the place of a managed file doesn't hang the update" {
  settled
  rm "$APP/bin/check" && mkfifo "$APP/bin/check"
  timeout 20 bash -c "$(declare -f again install_manifest revision helper); HELPER='$HELPER'; again"
  file_is "$APP/bin/check" ours
}

@test "a file that is managed for the first time is among the originals, and not kept twice" {
  mkdir "$APP/bin"
  echo theirs >"$APP/bin/check"
  ln -s /dev/null "$UNITS/shop.service"
  settled
  equal "$(kept)" ""
}

@test "what an update that was never confirmed wrote isn't somebody's edit" {
  settled
  rows | sed "s/$(sha256 ours)/$(sha256 newer)/g" | manifest
  stage /etc/x <<<newer
  install_manifest bbbb
  file_is "$APP/bin/check" newer
  rows | manifest
  install_manifest cccc
  file_is "$APP/bin/check" ours
  equal "$(kept)" ""
}

@test "an edit made while an update was open is kept" {
  settled
  again
  echo theirs >"$APP/bin/check"
  again
  file_is "$(kept_as "$APP/bin/check")" theirs
}

@test "an edit of a file that isn't wanted any more is kept before it goes" {
  settled
  echo theirs >"$APP/bin/check"
  unit_row shop.service | manifest
  install_manifest bbbb
  absent "$APP/bin/check"
  file_is "$(kept_as "$APP/bin/check")" theirs
  equal "$(kept)" -srv-shop-bin-check
}

@test "an edit is kept before destroy takes the file, and outlives it" {
  settled
  echo theirs >"$APP/bin/check"
  helper uninstall shop </dev/null
  file_is "$(kept_as "$APP/bin/check")" theirs
  equal "$(kept)" -srv-shop-bin-check
}

@test "a destroy that is run again doesn't take the originals that came back for edits" {
  mkdir "$APP/bin" && echo theirs >"$APP/bin/check"
  settled
  set_unit . daemon-reload=fail
  fails 1 helper uninstall shop </dev/null
  file_is "$APP/bin/check" theirs
  set_unit . daemon-reload=
  helper uninstall shop </dev/null
  file_is "$APP/bin/check" theirs
  equal "$(kept)" ""
}

# not_kept: the update fails before it replaces what it couldn't keep.
not_kept() {
  taken_back 1 again
  equal "$REASON" "cannot keep $APP/bin/check in $ASIDE; is the disk full or read-only?"
  file_is "$APP/bin/check" theirs
}

@test "an edit that can't be kept isn't replaced" {
  settled
  echo theirs >"$APP/bin/check"
  rm -r "$ROOT/var/backups" && : >"$ROOT/var/backups"
  not_kept
  rm "$ROOT/var/backups"
  again
  file_is "$APP/bin/check" ours
}

@test "an edit for which there is no space isn't replaced" {
  needs_root
  settled
  head -c 100000 /dev/zero >"$APP/bin/check"
  mount -t tmpfs -o size=16k none "$ROOT/var/backups" 2>/dev/null || skip "can't mount a tmpfs here"
  taken_back 1 again
  has "$REASON" "cannot keep $APP/bin/check in $ASIDE; is the disk full"
  equal "$(stat -c %s "$APP/bin/check")" 100000
}

@test "the newest twenty things are kept, each service's own" {
  settled
  local number
  mkdir -p "$ASIDE" "${ASIDE%/*}/blog"
  for number in {10..34}; do echo "$number" >"$ASIDE/20200101-0000$number-a file"; done
  mkdir "$ASIDE/20200101-000035-directory" && : >"$ASIDE/20200101-000035-directory/x"
  : >"${ASIDE%/*}/blog/20190101-000000-theirs"
  echo theirs >"$APP/bin/check"
  again
  equal "$(find "$ASIDE" -mindepth 1 -maxdepth 1 | wc -l)" 20
  equal "$(find "$ASIDE" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | head -n 1)" "20200101-000017-a file"
  file_is "$(kept_as "$APP/bin/check")" theirs
  [[ -e "${ASIDE%/*}/blog/20190101-000000-theirs" ]]
}

@test "two paths that look alike in a name are both kept" {
  { directory_row "$APP/a" && file_row "$APP/a/b-c" ours && directory_row "$APP/a-b" && file_row "$APP/a-b/c" ours; } | settle
  mv "$APP/a-b/c" "$ROOT/tmp/" && ln -s /tmp/one "$APP/a-b/c"
  ln -sf /tmp/two "$APP/a/b-c"
  again
  equal "$(find "$ASIDE" -type l -printf '%l\n' | sort | xargs)" "/tmp/one /tmp/two"
}

@test "a masked unit is unmasked, on disk and at runtime, and systemd reloaded" {
  settled
  ln -sf /dev/null "$UNITS/shop.service"
  ln -s /dev/null "$UNITS/apache2.service"
  ln -s /dev/null "$ROOT/run/systemd/system/shop.service"
  again
  [[ ! -L "$UNITS/shop.service" ]]
  absent "$UNITS/apache2.service"
  absent "$ROOT/run/systemd/system/shop.service"
  equal "$(kept)" ""
  run step daemon-reload
  equal "$output" reloaded
}

@test "a link of a unit to a real file is no mask" {
  settled
  : >"$ROOT/tmp/apache2.service" && ln -s "$ROOT/tmp/apache2.service" "$UNITS/apache2.service"
  again
  [[ -L "$UNITS/apache2.service" ]]
}

@test "a drop-in that contradicts ours is moved aside, and systemd reloaded; others stay" {
  settled && step daemon-reload
  drop_in apache2.service zz.conf '[Service]' Restart=no
  drop_in apache2.service limits.conf '[Service]' LimitNOFILE=9999
  again
  absent "$UNITS/apache2.service.d/zz.conf"
  file_is "$UNITS/apache2.service.d/limits.conf" $'[Service]\nLimitNOFILE=9999'
  equal "$(kept)" -etc-systemd-system-apache2.service.d-zz.conf
  run step daemon-reload
  equal "$output" reloaded
}

@test "a directory of drop-ins that is empty then goes too" {
  settled
  drop_in shop.service zz.conf '[Service]' Restart=no
  again
  absent "$UNITS/shop.service.d"
}

@test "a runtime drop-in, and one of systemctl set-property, are moved aside too" {
  settled
  local directory
  for directory in "$ROOT"/run/systemd/{system,system.control,transient} "$ROOT/etc/systemd/system.control"; do
    mkdir -p "$directory/shop.service.d" && printf '[Service]\nRestart=no\n' >"$directory/shop.service.d/50-x.conf"
  done
  again
  equal "$(find "$ROOT"/{run,etc} -name 50-x.conf)" ""
  equal "$(kept | wc -l)" 4
}

@test "a link to /dev/null that masks our drop-in is removed" {
  settled
  mkdir -p "$ROOT/etc/systemd/system.control/apache2.service.d"
  ln -s /dev/null "$ROOT/etc/systemd/system.control/apache2.service.d/restart.conf"
  again
  absent "$ROOT/etc/systemd/system.control/apache2.service.d/restart.conf"
}

@test "a drop-in of our own unit is moved aside whatever its name" {
  settled
  drop_in shop.service restart.conf '[Service]' Restart=no
  again
  absent "$UNITS/shop.service.d/restart.conf"
}

@test "a drop-in with any characters in its name is moved aside" {
  settled
  local name
  for name in "a b" "a&b" "a|b" 'a\1b' "it's" '$HOME *'; do drop_in shop.service "$name.conf" '[Service]' Restart=no; done
  run --separate-stderr again
  equal "$status$stderr" 0
  absent "$UNITS/shop.service.d"
  equal "$(find "$ASIDE" -type f | wc -l)" 6
}

@test "a drop-in that is a link is moved aside as one" {
  settled
  printf '[Service]\nRestart=no\n' >"$ROOT/tmp/target"
  mkdir "$UNITS/shop.service.d" && ln -s "$ROOT/tmp/target" "$UNITS/shop.service.d/zz.conf"
  again
  absent "$UNITS/shop.service.d"
  equal "$(find "$ASIDE" -type l -printf '%l\n')" "$ROOT/tmp/target"
  [[ -f "$ROOT/tmp/target" ]]
}

@test "a drop-in that isn't of this unit alone is refused, named, and stays" {
  settled
  mkdir -p "$ROOT/etc/systemd/system/service.d"
  printf '[Service]\nRestart=no\n' >"$ROOT/etc/systemd/system/service.d/zz.conf"
  set_unit shop.service "DropInPaths=$UNITS/service.d/zz.conf"
  taken_back 4 again
  equal "$REASON" "$UNITS/service.d/zz.conf overrules what is configured here for shop.service and isn't of this unit alone; change or remove it, and run the update again"
  [[ -f "$UNITS/service.d/zz.conf" ]]
}

@test "a drop-in that can't be kept stays" {
  settled
  drop_in shop.service zz.conf '[Service]' Restart=no
  rm -r "$ROOT/var/backups" && : >"$ROOT/var/backups"
  taken_back 1 again
  equal "$REASON" "cannot keep $UNITS/shop.service.d/zz.conf in $ASIDE; is the disk full or read-only?"
  [[ -f "$UNITS/shop.service.d/zz.conf" ]]
}

@test "an override that was there before the first update comes back with destroy, with mode and all" {
  drop_in apache2.service zz.conf '# mine' '[Service]' Restart=no
  chmod 0600 "$UNITS/apache2.service.d/zz.conf"
  settled
  absent "$UNITS/apache2.service.d/zz.conf"
  equal "$(kept)" ""
  helper uninstall shop </dev/null
  file_is "$UNITS/apache2.service.d/zz.conf" $'# mine\n[Service]\nRestart=no'
  equal "$(stat -c %a "$UNITS/apache2.service.d/zz.conf")" 600
  absent "$UNITS/apache2.service.d/restart.conf"
}

@test "an override that was there before the first update is still an original after many" {
  drop_in apache2.service zz.conf '[Service]' Restart=no
  settled
  { rows && unit_row extra.service; } | settle
  drop_in apache2.service later.conf '[Service]' Restart=on-failure
  { rows; } | settle
  helper uninstall shop </dev/null
  equal "$(ls "$UNITS/apache2.service.d")" zz.conf
  equal "$(kept)" -etc-systemd-system-apache2.service.d-later.conf
}

@test "an override that somebody made anew isn't overwritten by destroy" {
  drop_in apache2.service zz.conf '[Service]' Restart=no
  settled
  drop_in apache2.service zz.conf '[Service]' Restart=on-abort
  helper uninstall shop </dev/null
  file_is "$UNITS/apache2.service.d/zz.conf" $'[Service]\nRestart=on-abort'
}

@test "an override that is a link comes back as one" {
  printf '[Service]\nRestart=no\n' >"$ROOT/tmp/target"
  mkdir "$UNITS/apache2.service.d" && ln -s "$ROOT/tmp/target" "$UNITS/apache2.service.d/zz.conf"
  settled
  absent "$UNITS/apache2.service.d/zz.conf"
  helper uninstall shop </dev/null
  equal "$(readlink "$UNITS/apache2.service.d/zz.conf")" "$ROOT/tmp/target"
}

@test "an override that comes back while the first update breaks off isn't lost" {
  drop_in apache2.service zz.conf '[Service]' Restart=no
  rows | manifest
  install_manifest
  drop_in apache2.service zz.conf '[Service]' Restart=on-abort
  again && step confirm
  grep -rqs on-abort "$ASIDE" "$SERVICE_DIR/originals"
}

@test "what systemd does otherwise than when it was confirmed is loaded again" {
  settled && step daemon-reload && step confirm
  equal "$(grep -h . "$SERVICE_DIR"/properties/shop.service)" Restart=always
  again
  run step daemon-reload
  equal "$output" "not needed: no unit file was written"
  set_unit shop.service Restart=no
  again
  run step daemon-reload
  equal "$output" reloaded
}

@test "a step that replaces our own content says nothing on stderr" {
  settled
  stage /etc/x <<<newer
  rows | sed "s/$(sha256 ours)/$(sha256 newer)/g" | manifest
  # As slow as on a busy host: the second manifest is read when the first has answered already.
  echo 'fault_point() { [[ "$1" != put-file ]] || "$REAL_SLEEP" 0.5; }' >"$ROOT/host/lib/fault.bash"
  sed -i 's/|| awk \(.*\)$/|| { "$REAL_SLEEP" 0.1; awk \1; }/' "$ROOT/host/lib/mend.bash"
  run --separate-stderr again
  equal "$status $stderr" "0 "
}
