#!/usr/bin/env bats
# What every verb of the helper has in common.

load support/host

setup() { new_host; }

@test "a call without a verb or a service is refused with the usage" {
  run --separate-stderr helper
  equal "$status" 2
  has "$stderr" "helper stage SERVICE PATH --revision ID [--keyed] < content"
  has "$stderr" "124 out of time."
  run --separate-stderr helper install
  equal "$status" 2
}

@test "a wrong call is refused with the usage and leaves nothing behind" {
  local words
  while read -r words; do
    # shellcheck disable=SC2086 # the words of a line
    run --separate-stderr helper $words </dev/null
    equal "$status: $words" "2: $words"
    has "$stderr" "helper install SERVICE --transaction ID < manifest"
  done <<'END'
restart shop --transaction aaaa
install Shop --transaction aaaa
install ../shop --transaction aaaa
install shop
install shop --transaction
install shop --transaction xyz!
install shop --transaction aaaa --within 5
install shop --transaction aaaa --force
stage shop /etc/x
stage shop /etc/x --revision
stage shop /etc/x --revision ../../etc/passwd
stage shop /etc/x --keyed
stage shop /etc/x --revision abc123 --key abc123
stage shop --revision abc123
enable shop --transaction aaaa
enable shop shop.service --transaction aaaa --witness 1111
verify shop --transaction aaaa
enable shop shop.service
health-check shop
health-check shop --transaction aaaa --script /bin/true
END
  absent "$STATE_DIR"
}

@test "the usage shows nothing but the header" {
  run --separate-stderr helper
  equal "${stderr_lines[0]:0:37}" "The part of pulumi-systemd-ha that ru"
  [[ "$stderr" != *"set -euo"* && "$stderr" != *shellcheck* ]]
}

# unread_bytes COMMAND...: how much of a large stdin a command leaves; the plugin takes an unread rest for a failure of its own.
unread_bytes() {
  (head -c 3000000 /dev/zero | tr '\0' x) | {
    "$@" >/dev/null 2>&1 || true
    wc -c
  }
}

@test "all of stdin is read, also when a step fails early" {
  equal "$(unread_bytes "$HELPER")" 0
  equal "$(unread_bytes "$HELPER" nonsense shop)" 0
  equal "$(unread_bytes "$HELPER" stage shop /etc/x --revision '!')" 0
  equal "$(unread_bytes "$HELPER" enable shop shop.service --transaction aaaa)" 0
  equal "$(unread_bytes "$HELPER" install shop --transaction aaaa)" 0
  equal "$(unread_bytes "$HELPER" uninstall shop)" 0
  equal "$(unread_bytes "$HELPER" stage shop /etc/x --revision abc123)" 0
  equal "$(unread_bytes "$HELPER" stage shop /etc/x --revision abc123 --keyed)" 0
  rm -rf "$SERVICE_DIR" && : >"$SERVICE_DIR"
  equal "$(unread_bytes "$HELPER" stage shop /etc/x --revision abc123)" 0
  rm -rf "$ROOT/run" && : >"$ROOT/run"
  equal "$(unread_bytes "$HELPER" stage shop /etc/x --revision abc123)" 0
}

@test "a state directory that can't be made is said in a sentence" {
  : >"$STATE_DIR"
  fails 1 stage /etc/x </dev/null
  has "$stderr" "cannot create $SERVICE_DIR; is the disk full or read-only?"
}

@test "a /run that can't be written is said in a sentence" {
  rm -rf "$ROOT/run" && : >"$ROOT/run"
  fails 1 stage /etc/x </dev/null
  has "$stderr" "cannot write to $ROOT/run;"
}

@test "the state directories are root's alone" {
  stage /etc/x </dev/null
  equal "$(stat -c '%a %U:%G' "$STATE_DIR" "$SERVICE_DIR")" "700 $OWNER"$'\n'"700 $OWNER"
}

@test "a step leaves no temporary file behind, failed or not" {
  stage /etc/x <<<content
  fails 2 helper install shop --transaction aaaa <<<nonsense
  equal "$(find "$ROOT/run" -type f)" ""
  equal "$(ls -A "$SERVICE_DIR/stage")" "$(sha256 content)"
}

@test "each step is recorded on the host with time, verb, subject, exit code and sentence" {
  stage /etc/x <<<content
  fails 2 helper install shop --transaction aaaa <<<nonsense
  equal "$(cut -f2- "$SERVICE_DIR/steps" | head -n 1)" $'stage\t/etc/x\t0\tdone'
  has "$(sed -n 2p "$SERVICE_DIR/steps" | cut -f2-4)" $'install\tshop\t2'
  [[ "$(head -n 1 "$SERVICE_DIR/steps")" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{4}$'\t' ]]
  equal "$(wc -l <"$SERVICE_DIR/steps")" 2
}

@test "a sentence of several lines is recorded as one line" {
  mkdir -p "$ROOT/srv/shop/bin"
  printf '#!/bin/bash\necho one\necho two\nexit 1\n' >"$ROOT/check" && chmod +x "$ROOT/check"
  unit_row shop.service | settle
  run --separate-stderr step health-check
  ((${#stderr_lines[@]} >= 3))
  has "$(tail -n 1 "$SERVICE_DIR/steps")" $'\thealth-check\tshop\t1\tthe service'
}

@test "a step that hangs ends at its time limit with exit code 124 and a sentence" {
  short_limits
  { directory_row "$APP" && unit_row shop.service; } | manifest
  install_manifest
  echo "$UNITS/x" >>"$SERVICE_DIR/transaction/changed"
  set_unit . daemon-reload=hang
  sed -i 's#\^'"$UNITS"'/#^#' "$ROOT/host/lib/units.bash"
  SECONDS=0
  run --separate-stderr step daemon-reload
  equal "$status" 124
  ((SECONDS < 30))
  has "$stderr" "daemon-reload shop took longer than 2 s and was stopped"
  equal "$(record_of '^daemon-reload.shop.124.daemon-reload shop took longer' | wc -l)" 1
  equal "$(find "$ROOT/run" -maxdepth 1 -type f)" ""
}

@test "what follows a step that was stopped isn't locked out" {
  sed -i 's/ + 45))/ + 1))/' "$ROOT/host/lib/units.bash"
  unit_row shop.service | WITHIN=1 manifest
  install_manifest
  set_unit shop.service start-once=hang UnitFileState=enabled
  taken_back 1 step enable shop.service
  set_unit shop.service start=
  install_manifest bbbb
  TRANSACTION=bbbb step enable shop.service
}

has_child() { pgrep -P "$1" >/dev/null; }

@test "SIGHUP stops no step" {
  directory_row "$APP" | manifest
  mkfifo "$ROOT/input"
  "$HELPER" install shop --transaction aaaa <"$ROOT/input" 3>&- &
  local helper=$! limit
  exec 8>"$ROOT/input"
  cat <(echo "revision $(revision)") "$ROOT/manifest" >&8
  eventually has_child "$helper"
  limit="$(pgrep -P "$helper")"
  eventually has_child "$limit"
  # shellcheck disable=SC2046 # several ids
  kill -HUP "$helper" "$limit" $(pgrep -P "$limit")
  # timeout(1) with --kill-after would kill it five seconds later.
  [[ -z "${PULUMI_SYSTEMD_HA_FULL:-}" ]] || "$REAL_SLEEP" 6
  exec 8>&-
  wait "$helper"
  file_is "$SERVICE_DIR/transaction/id" aaaa
}

@test "a reader that went away stops no step half way" {
  { directory_row "$APP/bin" && file_row "$APP/bin/check" new 0755; } | manifest
  (
    # Its reader has ended before it writes.
    exec > >(:) 2>&1
    "$REAL_SLEEP" 0.2
    install_manifest
    step confirm
  )
  file_is "$APP/bin/check" new
  equal "$(record_of . | cut -f1,3)" $'install\t0\nconfirm\t0'
}

@test "a step that waits for the service has the longer time limit" {
  short_limits
  unit_row shop.service | WITHIN=30 manifest
  install_manifest
  set_unit shop.service start-once=hang
  taken_back 124 step enable shop.service
  equal "$REASON" "enable shop.service took longer than 3 s and was stopped; look for what hangs on the host, and run the update again"
}

@test "a step of another user than root goes through sudo, with its words and its stdin" {
  as_another_user
  run --separate-stderr helper stage shop "/etc/a b" --revision abc1 <<<content
  equal "$status $output$stderr" "0 staged /etc/a b"
  equal "$(calls sudo)" "sudo -n -- $HELPER stage shop /etc/a b --revision abc1"
  file_is "$SERVICE_DIR/stage/$(sha256 content)" content
}

@test "a sudo that refuses is the step's failure, and nothing is done" {
  as_another_user
  : >"$ROOT/sudo-refuses"
  fails 1 stage /etc/x <<<content
  equal "$stderr" "sudo: a password is required"
  absent "$STATE_DIR"
}

@test "root needs no sudo" {
  stage /etc/x <<<content
  equal "$(calls sudo)" ""
}
