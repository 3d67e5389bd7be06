#!/usr/bin/env bats
# Directories, logs and files get into place, and nothing that was planted there gets in the way.

load support/host

setup() { new_host; }
teardown() { umount "$ROOT/full" "$STATE_DIR" 2>/dev/null || true; }

mode_of() { stat -c '%04a %U:%G' "$1"; }

@test "directories, logs and files are there with modes and owners" {
  {
    directory_row "$APP" 1775
    directory_row "$APP/bin"
    directory_row "$APP/logs"
    log_row "$APP/logs/shop.log"
    file_row "$APP/bin/check" "echo hello" 0755
    file_row "$UNITS/apache2.service.d/restart.conf" "[Service]"
  } | manifest
  run --separate-stderr install_manifest
  equal "$status" 0
  equal "$output" "installed revision $(revision)"
  equal "$stderr" ""
  equal "$(mode_of "$APP")" "1775 $OWNER"
  equal "$(mode_of "$APP/bin")" "0755 $OWNER"
  equal "$(mode_of "$APP/logs/shop.log")" "0640 $OWNER"
  equal "$(mode_of "$APP/bin/check")" "0755 $OWNER"
  file_is "$APP/bin/check" "echo hello"
  file_is "$UNITS/apache2.service.d/restart.conf" "[Service]"
  equal "$(find "$APP" "$UNITS" -name '.*')" ""
}

@test "what is right already isn't touched by a second run" {
  { directory_row "$APP/bin" && log_row "$APP/bin/log" && file_row "$APP/bin/check" new; } | manifest
  install_manifest
  local before
  before="$(stat -c '%n %i %Y %Z' "$APP/bin" "$APP/bin/log" "$APP/bin/check")"
  install_manifest bbbb
  equal "$(stat -c '%n %i %Y %Z' "$APP/bin" "$APP/bin/log" "$APP/bin/check")" "$before"
  file_is "$SERVICE_DIR/transaction/id" bbbb
}

@test "content, mode and owner that differ are put right" {
  { directory_row "$APP/bin" && log_row "$APP/log" && file_row "$APP/bin/check" new 0755; } | manifest
  mkdir -m 0777 "$APP/bin"
  echo old >"$APP/bin/check"
  echo line >"$APP/log"
  chmod 0777 "$APP/bin/check" "$APP/log"
  install_manifest
  equal "$(mode_of "$APP/bin") $(mode_of "$APP/bin/check") $(mode_of "$APP/log")" "0755 $OWNER 0755 $OWNER 0640 $OWNER"
  file_is "$APP/bin/check" new
  # A log's content is the service's.
  file_is "$APP/log" line
}

@test "only the mode differs: the file is replaced whole" {
  file_row "$APP/check" new 0755 | manifest
  echo new >"$APP/check"
  install_manifest
  equal "$(mode_of "$APP/check")" "0755 $OWNER"
}

@test "directories that another user owned become root's" {
  needs_root
  mkdir "$APP/bin" && chown -R nobody:nogroup "$APP"
  { directory_row "$APP" 1775 root:nogroup && directory_row "$APP/bin" 0755 root:root && log_row "$APP/log" 0640 nobody:nogroup; } | manifest
  install_manifest
  equal "$(mode_of "$APP")" "1775 root:nogroup"
  equal "$(mode_of "$APP/bin")" "0755 root:root"
  equal "$(mode_of "$APP/log")" "0640 nobody:nogroup"
}

@test "a link in the place of a file is replaced, its target isn't touched" {
  echo theirs >"$ROOT/tmp/target"
  ln -s "$ROOT/tmp/target" "$APP/check"
  file_row "$APP/check" new | manifest
  install_manifest
  [[ ! -L "$APP/check" ]]
  file_is "$APP/check" new
  file_is "$ROOT/tmp/target" theirs
}

@test "a link at the temporary name isn't written through" {
  echo theirs >"$ROOT/tmp/target"
  ln -s "$ROOT/tmp/target" "$APP/.check.dpkg-new"
  file_row "$APP/check" new | manifest
  install_manifest
  file_is "$APP/check" new
  file_is "$ROOT/tmp/target" theirs
}

# refused SENTENCE: install fails with it, and the file of the same update is still the old one.
refused() {
  fails "${2:-4}" install_manifest
  equal "$stderr" "$1"
  absent "$UNITS/shop.service"
}
# refused_late SENTENCE: the same, after something was done already; that's taken back.
refused_late() {
  taken_back "${2:-4}" install_manifest
  equal "$REASON" "$1"
  absent "$UNITS/shop.service"
}

@test "a directory in the place of a file is refused before anything is replaced" {
  mkdir "$APP/check"
  { file_row "$UNITS/shop.service" new && file_row "$APP/check" new; } | manifest
  refused "$APP/check is a directory where a file belongs; move it away and run the update again"
  # And the host can still be put back.
  helper uninstall shop </dev/null
  [[ -d "$APP/check" ]]
}

@test "a directory at the temporary name is refused in a sentence" {
  mkdir -p "$APP/.check.dpkg-new/full"
  file_row "$APP/check" new | manifest
  refused_late "cannot write $APP/.check.dpkg-new; is the disk full or read-only?" 1
}

@test "a link in the place of a directory is refused, its target isn't touched" {
  mkdir -m 0700 "$ROOT/tmp/target"
  ln -s "$ROOT/tmp/target" "$APP/logs"
  { directory_row "$APP/logs" && file_row "$UNITS/shop.service" new; } | manifest
  refused_late "$APP/logs is a link or a file where a directory belongs; replace it and run the update again"
  equal "$(stat -c %a "$ROOT/tmp/target")" 700
  [[ -L "$APP/logs" ]]
}

@test "a file in the place of a directory is refused" {
  : >"$APP/logs"
  { directory_row "$APP/logs" && file_row "$UNITS/shop.service" new; } | manifest
  refused_late "$APP/logs is a link or a file where a directory belongs; replace it and run the update again"
}

@test "a dangling link in the place of a directory is refused" {
  ln -s "$ROOT/tmp/nothing" "$APP/logs"
  { directory_row "$APP/logs" && file_row "$UNITS/shop.service" new; } | manifest
  refused_late "$APP/logs is a link or a file where a directory belongs; replace it and run the update again"
  absent "$ROOT/tmp/nothing"
}

LOG_REFUSED="is no regular file, where a log belongs; move it away and run the update again"

@test "a link planted at a log is refused, its target isn't touched" {
  echo theirs >"$ROOT/tmp/target" && chmod 0600 "$ROOT/tmp/target"
  ln -s "$ROOT/tmp/target" "$APP/shop.log"
  { log_row "$APP/shop.log" && file_row "$UNITS/shop.service" new; } | manifest
  refused_late "$APP/shop.log $LOG_REFUSED"
  equal "$(stat -c %a "$ROOT/tmp/target")" 600
}

@test "a dangling link planted at a log is refused, its target isn't made" {
  ln -s "$ROOT/tmp/nothing" "$APP/shop.log"
  { log_row "$APP/shop.log" && file_row "$UNITS/shop.service" new; } | manifest
  refused_late "$APP/shop.log $LOG_REFUSED"
  absent "$ROOT/tmp/nothing"
}

@test "a hard link at a log is refused, so that no other file is given away" {
  echo theirs >"$ROOT/tmp/shadow" && chmod 0600 "$ROOT/tmp/shadow"
  ln "$ROOT/tmp/shadow" "$APP/shop.log"
  { log_row "$APP/shop.log" && file_row "$UNITS/shop.service" new; } | manifest
  refused_late "$APP/shop.log has a second name and another owner or mode than a log of ours; remove it and run the update again"
  equal "$(stat -c %a "$ROOT/tmp/shadow")" 600
}

@test "a second name of a log that is right already holds up no update" {
  log_row "$APP/shop.log" | settle
  ln "$APP/shop.log" "$APP/second"
  manifest <<<"$(log_row "$APP/shop.log")"
  install_manifest bbbb
}

@test "a directory or a pipe in the place of a log is refused" {
  mkdir "$APP/shop.log"
  { log_row "$APP/shop.log" && file_row "$UNITS/shop.service" new; } | manifest
  refused_late "$APP/shop.log $LOG_REFUSED"
  rmdir "$APP/shop.log" && mkfifo "$APP/shop.log"
  refused_late "$APP/shop.log $LOG_REFUSED"
}

@test "a full disk is said in a sentence, and leaves the old content" {
  needs_root
  mkdir "$ROOT/full"
  mount -t tmpfs -o size=64k none "$ROOT/full" 2>/dev/null || skip "can't mount a tmpfs here"
  echo old >"$ROOT/full/shop.service"
  file_row "$ROOT/full/shop.service" "$(printf '%070000d' 0)" | manifest
  run --separate-stderr install_manifest
  file_is "$ROOT/full/shop.service" old
  equal "$(ls -A "$ROOT/full")" shop.service
  equal "$status" 1
  equal "${stderr_lines[0]}" "cannot write $ROOT/full/.shop.service.dpkg-new; is the disk full or read-only?"
}

@test "a full state directory is said in a sentence by every verb that writes" {
  needs_root
  mkdir -p "$STATE_DIR"
  mount -t tmpfs -o size=512k none "$STATE_DIR" 2>/dev/null || skip "can't mount a tmpfs here"
  { unit_row shop.service && file_row "$UNITS/shop.service" new; } | manifest
  install_manifest
  local rounds=0 verb
  head -c 600000 /dev/zero 2>/dev/null >"$SERVICE_DIR/filler" || true
  : >"$ROOT/answers"
  for verb in "stage shop /etc/x --revision abc123 --keyed" "install shop --transaction bbbb" "confirm shop --transaction aaaa"; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr helper $verb < <([[ "$verb" != stage* ]] || echo "key $(sha256 x)" && echo "revision $(revision)" && tail -c 5000 "$ROOT/manifest" && [[ "$verb" != stage* ]] || head -c 9000 /dev/zero)
    rounds=$((rounds + 1))
    echo "$status ${#stderr_lines[@]} ${stderr//$'\n'/;}" >>"$ROOT/answers"
  done
  cat "$ROOT/answers"
  equal "$rounds" 3
  # That of confirm has two sentences: there is no space to take the update back either.
  equal "$(cut -d' ' -f1,2 "$ROOT/answers" | xargs)" "1 1 1 1 1 2"
  equal "$(grep -c 'disk full' "$ROOT/answers")" 3
  rm "$SERVICE_DIR/filler"
  expire && watch
  absent "$UNITS/shop.service"
  absent "$SERVICE_DIR/transaction"
}

@test "content is staged under its hash, which is computed here" {
  run --separate-stderr stage /etc/x <<<content
  equal "$status $output$stderr" "0 staged /etc/x"
  equal "$(ls -A "$SERVICE_DIR/stage")" "$(sha256 content)"
  file_is "$SERVICE_DIR/stage/$(sha256 content)" content
}

@test "a secret is staged under the key that arrives with it, whatever bytes it has" {
  local key
  key="$(sha256 anything)"
  { echo "key $key" && printf 'a\0b\n\377\nno end'; } | helper stage shop /etc/x --revision abc1 --keyed
  equal "$(ls -A "$SERVICE_DIR/stage")" "$key"
  cmp "$SERVICE_DIR/stage/$key" <(printf 'a\0b\n\377\nno end')
  equal "$(stat -c %a "$SERVICE_DIR/stage/$key")" 600
}

@test "an empty secret is one too" {
  local key
  key="$(sha256 anything)"
  echo "key $key" | helper stage shop /etc/x --revision abc1 --keyed
  equal "$(stat -c '%n %s' "$SERVICE_DIR"/stage/*)" "$SERVICE_DIR/stage/$key 0"
}

@test "a secret without a key, or with one that isn't, is refused" {
  local line
  for line in secret "key ../../$(sha256 x)" "key $(sha256 x | tr a-f A-F)" "key $(sha256 x)0" "key abc123"; do
    fails 2 helper stage shop /etc/x --revision abc1 --keyed <<<"$line"
    equal "$stderr" "no key arrived before the content of /etc/x"
  done
  fails 2 helper stage shop /etc/x --revision abc1 --keyed </dev/null
  absent "$SERVICE_DIR/stage"
}

@test "content that begins like a key or a revision stays whole" {
  local text
  for text in "key $(sha256 x)" "revision 0123456789abcdef"; do
    stage /etc/x <<<"$text"
    file_is "$SERVICE_DIR/stage/$(sha256 "$text")" "$text"
  done
}

@test "the revision of each staged path is kept, the last one" {
  stage "/etc/a b" 1111 <<<content
  stage /etc/y 2222 <<<content
  stage "/etc/a b" 3333 <<<other
  equal "$(sort "$SERVICE_DIR"/revisions/*)" $'/etc/a b\t3333\n/etc/y\t2222'
}

# owned_by STACK: the service is that one's, confirmed.
owned_by() { unit_row shop.service | STACK="$1" settle; }

@test "a service of another stack is refused, confirmed or open" {
  owned_by their/stack
  unit_row shop.service | manifest
  fails 4 install_manifest
  equal "$stderr" "shop on this host belongs to stack their/stack; remove it there first, or let test/stack take it over: touch $SERVICE_DIR/released"
  absent "$SERVICE_DIR/transaction"
  rm "$SERVICE_DIR/manifest"
  unit_row shop.service | STACK=their/stack manifest
  install_manifest
  unit_row shop.service | manifest
  fails 4 install_manifest
  has "$stderr" "belongs to stack their/stack"
  equal "$(awk -F '\t' 'NR == 1 { print $4 }' "$SERVICE_DIR/transaction/manifest")" their/stack
}

@test "a service that was released is taken over once" {
  owned_by their/stack
  : >"$SERVICE_DIR/released"
  { unit_row shop.service && file_row "$APP/check" new; } | manifest
  install_manifest bbbb
  # Until the takeover is confirmed it may be tried again.
  install_manifest cccc
  step confirm
  absent "$SERVICE_DIR/released"
  unit_row shop.service | STACK=their/stack manifest
  fails 4 install_manifest
  has "$stderr" "belongs to stack test/stack"
}

@test "a corrupt confirmed manifest is set aside, and counts as none" {
  owned_by their/stack
  sed -i 's/shop.service/shop.servic/' "$SERVICE_DIR/manifest"
  cp "$SERVICE_DIR/manifest" "$ROOT/tmp/corrupt"
  unit_row shop.service | manifest
  install_manifest bbbb
  absent "$SERVICE_DIR/manifest"
  equal "$(kept)" -var-lib-pulumi-systemd-ha-shop-manifest
  diff "$(kept_as "$SERVICE_DIR/manifest")" "$ROOT/tmp/corrupt"
}

@test "a directory in the place of the confirmed manifest is set aside with what lies in it" {
  owned_by test/stack
  rm "$SERVICE_DIR/manifest" && mkdir "$SERVICE_DIR/manifest" && : >"$SERVICE_DIR/manifest/theirs"
  install_manifest bbbb && step confirm
  [[ -e "$(kept_as "$SERVICE_DIR/manifest")/theirs" ]]
}

@test "a whole confirmed manifest isn't set aside" {
  owned_by test/stack
  install_manifest bbbb && step confirm
  absent "$ASIDE"
}

@test "an open update whose manifest was cut off belongs to no stack" {
  unit_row shop.service | manifest
  install_manifest
  : >"$SERVICE_DIR/transaction/manifest"
  install_manifest bbbb
  file_is "$SERVICE_DIR/transaction/id" bbbb
}
