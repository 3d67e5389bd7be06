#!/usr/bin/env bats
# How the helper gets onto a host, and how destroy works without it.

load support/host

setup() {
  new_host
  INSTALLED="$ROOT/usr/local/lib/pulumi-systemd-ha"
}

# bundle: what src/remote/bundle.ts puts together.
bundle() {
  local name
  cat "$ROOT/host/bootstrap.bash"
  for name in $(cd "$ROOT/host" && ls lib/*.bash) helper; do
    printf "\nadd_file %s %s <<'END_OF_FILE'\n" "$name" "$([[ "$name" == helper ]] && echo 0755 || echo 0644)"
    cat "$ROOT/host/$name"
    echo END_OF_FILE
  done
  printf '\nfinish "$@"\n'
}

install_helper() { bundle | bash -s -- install-helper "${1:-1}" "${3:-shop}" "${2:-abc1}"; }

@test "the helper's files are installed, and nothing else is left" {
  run --separate-stderr install_helper
  equal "$status $output$stderr" "0 helper version 1 installed"
  diff -r "$ROOT/host/lib" "$INSTALLED/1/lib"
  diff "$ROOT/host/helper" "$INSTALLED/1/helper"
  equal "$(stat -c '%a %U:%G' "$INSTALLED/1/helper" "$INSTALLED/1/lib/log.bash")" "755 $OWNER"$'\n'"644 $OWNER"
  equal "$(ls -A "$ROOT/run" | grep -v lock)" systemd
  equal "$(find "$INSTALLED" -name '*.new')" ""
  run "$INSTALLED/1/helper"
  equal "$status" 2
}

@test "what is installed already isn't written again" {
  needs_root
  install_helper
  local before
  before="$(stat -c '%n %i %Z' "$INSTALLED"/1/helper "$INSTALLED"/1/lib/*)"
  install_helper
  equal "$(stat -c '%n %i %Z' "$INSTALLED"/1/helper "$INSTALLED"/1/lib/*)" "$before"
}

@test "a file that was altered, or has another mode, is put right" {
  install_helper
  echo "exit 0" >>"$INSTALLED/1/lib/lock.bash"
  chmod 0666 "$INSTALLED/1/lib/log.bash"
  rm "$INSTALLED/1/lib/units.bash"
  ln -sf /bin/true "$INSTALLED/1/helper"
  install_helper
  diff -r "$ROOT/host/lib" "$INSTALLED/1/lib"
  [[ ! -L "$INSTALLED/1/helper" ]]
  equal "$(stat -c %a "$INSTALLED/1/lib/log.bash")" 644
}

@test "another version stands beside it" {
  install_helper 1
  install_helper 2
  [[ -x "$INSTALLED/1/helper" && -x "$INSTALLED/2/helper" ]]
}

@test "a text that was cut off installs nothing" {
  local lines
  bundle >"$ROOT/tmp/bundle"
  lines="$(wc -l <"$ROOT/tmp/bundle")"
  run bash -s -- install-helper 1 shop abc1 < <(head -n "$((lines - 1))" "$ROOT/tmp/bundle")
  absent "$INSTALLED"
  run bash -s -- install-helper 1 shop abc1 < <(head -n "$((lines / 2))" "$ROOT/tmp/bundle")
  absent "$INSTALLED"
  equal "$(ls -A "$ROOT/run" | grep -v lock)" systemd
}

# fails_having_read_all: all of the text is read, with a writer that would be told otherwise.
fails_having_read_all() {
  { { bundle && head -c 300000 /dev/zero | tr '\0' '#'; } && echo sent >"$ROOT/tmp/sent"; } | fails 1 bash -s -- install-helper 1 shop abc1
  equal "$(cat "$ROOT/tmp/sent" 2>/dev/null)" sent
}

@test "a /run that can't be written is said in a sentence, and all of stdin is read" {
  rm -rf "$ROOT/run" && : >"$ROOT/run"
  fails_having_read_all
}

@test "a full /run is said in a sentence, and all of stdin is read" {
  needs_root
  mount -t tmpfs -o size=8k none "$ROOT/run" 2>/dev/null || skip "can't mount a tmpfs here"
  run --separate-stderr fails_having_read_all
  umount "$ROOT/run"
  equal "$status" 0
}

@test "a target that can't be written is said in a sentence" {
  : >"$INSTALLED"
  fails 1 install_helper
  # The first one, whichever that is.
  [[ "$stderr" =~ ^"cannot write $INSTALLED/1/lib/"[a-z]+".bash; is the disk full or read-only?"$ ]] || { echo "$stderr" >&2 && return 1; }
}

@test "an unknown call does nothing" {
  bundle >"$ROOT/tmp/bundle"
  fails 1 bash -s -- upgrade 1 <"$ROOT/tmp/bundle"
  absent "$INSTALLED"
}

@test "an installed helper that is killed half way through its update is finished by the next" {
  install_helper
  local name
  # As a kill after each of the renames leaves it: some files new, the entry old.
  for name in "$ROOT"/host/lib/*.bash; do echo "# newer" >>"$name"; done
  cp "$ROOT/host/lib/files.bash" "$INSTALLED/1/lib/files.bash.new"
  cp "$ROOT/host/lib/files.bash" "$INSTALLED/1/lib/files.bash"
  install_helper
  diff -r "$ROOT/host/lib" "$INSTALLED/1/lib" | grep -v 'Only in' && return 1
  "$INSTALLED/1/helper" stage shop /etc/x --revision abc123 <<<content
}

@test "uninstall works where no helper is installed" {
  echo theirs >"$APP/check"
  { file_row "$APP/check" ours && unit_row shop.service; } | settle
  run --separate-stderr bash -s -- uninstall shop < <(bundle)
  equal "$status $output$stderr" "0 removed; application and logs stay"
  file_is "$APP/check" theirs
  absent "$STATE_DIR"
  equal "$(ls -A "$ROOT/run" | grep -v lock)" systemd
}

@test "uninstall takes the last service's helper away" {
  install_helper
  unit_row shop.service | settle
  bundle | bash -s -- uninstall shop
  absent "$INSTALLED"
}

@test "uninstall's failure keeps its exit code and its sentence" {
  unit_row shop.service | settle
  exec 7>>"$SERVICE_DIR/lock"
  flock 7
  bundle >"$ROOT/tmp/bundle"
  fails 4 bash -s -- uninstall shop <"$ROOT/tmp/bundle"
  has "$stderr" "another operation holds $SERVICE_DIR/lock"
}

@test "the revision of the call is kept for the next look at the host, in a directory of root's alone" {
  install_helper 1 abc1
  file_is "$SERVICE_DIR/revisions/helper" $'helper\tabc1'
  install_helper 1 abc2
  file_is "$SERVICE_DIR/revisions/helper" $'helper\tabc2'
  equal "$(stat -c '%a %U:%G' "$STATE_DIR" "$SERVICE_DIR" "$SERVICE_DIR/revisions" | sort -u)" "700 $OWNER"
}

@test "a state directory that can't be written is said in a sentence, after all was read" {
  : >"$STATE_DIR"
  fails 1 install_helper
  equal "$stderr" "cannot write $SERVICE_DIR/revisions; is the disk full or read-only?"
}

@test "what isn't of this helper is removed from its directory, and from no other" {
  install_helper 1
  install_helper 2
  echo "fault_point() { exit 1; }" >"$INSTALLED/1/lib/fault.bash"
  ln -s /bin/true "$INSTALLED/1/lib/link.bash"
  mkdir "$INSTALLED/1/more" && : >"$INSTALLED/1/more/a file" && : >"$INSTALLED/1/.hidden"
  : >"$INSTALLED/2/theirs"
  install_helper 1
  diff -r "$ROOT/host/lib" "$INSTALLED/1/lib"
  equal "$(find "$INSTALLED/1" ! -type d -printf '%P\n' | grep -v ^lib/)" helper
  [[ -e "$INSTALLED/2/theirs" ]]
}

@test "a link in the place of the version's directory is replaced, its target isn't touched" {
  mkdir "$ROOT/tmp/target" && : >"$ROOT/tmp/target/theirs" && mkdir "$INSTALLED"
  ln -s "$ROOT/tmp/target" "$INSTALLED/1"
  install_helper
  [[ ! -L "$INSTALLED/1" ]]
  equal "$(ls "$ROOT/tmp/target")" theirs
}

@test "a link in the place of lib/ is replaced, its target isn't touched" {
  install_helper
  mv "$INSTALLED/1/lib" "$ROOT/tmp/lib" && ln -s "$ROOT/tmp/lib" "$INSTALLED/1/lib"
  : >"$ROOT/tmp/lib/theirs"
  install_helper
  [[ ! -L "$INSTALLED/1/lib" && -e "$ROOT/tmp/lib/theirs" ]]
  diff -r "$ROOT/host/lib" "$INSTALLED/1/lib"
}

@test "a directory in the place of the helper is replaced" {
  install_helper
  rm "$INSTALLED/1/helper" && mkdir "$INSTALLED/1/helper" && : >"$INSTALLED/1/helper/theirs"
  install_helper
  diff "$ROOT/host/helper" "$INSTALLED/1/helper"
}

@test "another user than root goes through sudo, which reads on where the text was left" {
  as_another_user
  run --separate-stderr install_helper
  equal "$status $output$stderr" "0 helper version 1 installed"
  equal "$(calls sudo)" "sudo -n -- bash -s -- install-helper 1 shop abc1"
  diff -r "$ROOT/host/lib" "$INSTALLED/1/lib"
}

@test "a sudo that refuses is said, and nothing is installed" {
  as_another_user
  : >"$ROOT/sudo-refuses"
  bundle >"$ROOT/tmp/bundle"
  fails 1 bash -s -- install-helper 1 shop abc1 < <(cat "$ROOT/tmp/bundle")
  equal "$stderr" "sudo: a password is required"
  absent "$INSTALLED"
  absent "$STATE_DIR"
}

@test "uninstall needs sudo only once" {
  unit_row shop.service | settle
  as_another_user
  bundle | bash -s -- uninstall shop
  equal "$(calls sudo)" "sudo -n -- bash -s -- uninstall shop"
  absent "$STATE_DIR"
}

@test "two services' first steps at once install it whole" {
  local round
  for round in 1 2 3 4 5; do
    rm -rf "$INSTALLED"
    install_helper 1 1111 one &
    install_helper 1 2222 two &
    wait -n && wait -n
    diff -r "$ROOT/host/lib" "$INSTALLED/1/lib"
  done
}
