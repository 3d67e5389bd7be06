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

install_helper() { bundle | bash -s -- install-helper "${1:-1}"; }

@test "the helper's files are installed, and nothing else is left" {
  run --separate-stderr install_helper
  equal "$status $output$stderr" "0 helper version 1 installed"
  diff -r "$ROOT/host/lib" "$INSTALLED/1/lib"
  diff "$ROOT/host/helper" "$INSTALLED/1/helper"
  equal "$(stat -c '%a %U:%G' "$INSTALLED/1/helper" "$INSTALLED/1/lib/log.bash")" "755 $OWNER"$'\n'"644 $OWNER"
  equal "$(ls -A "$ROOT/run")" systemd
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
  run bash -s -- install-helper 1 < <(head -n "$((lines - 1))" "$ROOT/tmp/bundle")
  absent "$INSTALLED"
  run bash -s -- install-helper 1 < <(head -n "$((lines / 2))" "$ROOT/tmp/bundle")
  absent "$INSTALLED"
  equal "$(ls -A "$ROOT/run")" systemd
}

# fails_having_read_all: all of the text is read, with a writer that would be told otherwise.
fails_having_read_all() {
  { { bundle && head -c 300000 /dev/zero | tr '\0' '#'; } && echo sent >"$ROOT/tmp/sent"; } | fails 1 bash -s -- install-helper 1
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
  equal "$stderr" "cannot write $INSTALLED/1/lib/files.bash; is the disk full or read-only?"
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
  "$INSTALLED/1/helper" stage shop /etc/x --key abc123 <<<content
}

@test "uninstall works where no helper is installed" {
  echo theirs >"$APP/check"
  { file_row "$APP/check" ours && unit_row shop.service; } | settle
  run --separate-stderr bash -s -- uninstall shop < <(bundle)
  equal "$status $output$stderr" "0 removed; application and logs stay"
  file_is "$APP/check" theirs
  absent "$STATE_DIR"
  equal "$(ls -A "$ROOT/run")" systemd
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
