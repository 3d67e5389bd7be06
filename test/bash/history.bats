#!/usr/bin/env bats
# What the host keeps of its former configurations, what it writes down of every update, and a return to one of them.

load support/host

setup() {
  new_host
  printf '#!/bin/bash\nprintf "passed true\\n" >"%s/health"\n' "$SERVICE_DIR" >"$ROOT/check"
  chmod 0755 "$ROOT/check"
}

LOG() { cat "$SERVICE_DIR/history/log"; }
# configuration VALUE: the rows of one; its service's process has VALUE.
configuration() {
  file_row "$UNITS/shop.service" "$(app_unit "$(sha256 "$1" | cut -c1-16)")"
  file_row "$APP/check" "$1" 0755
  unit_row shop.service
}
# update VALUE [ID]: from install to confirm. Sets REVISION.
update() {
  configuration "$1" | manifest
  install_manifest "${2:-aaaa}" >/dev/null && step daemon-reload >/dev/null && step enable shop.service >/dev/null && step confirm >/dev/null
  REVISION="$(revision)"
}
# bring_back REVISION: as scripts/rollback does.
bring_back() { printf 'test/stack\tmia@desk\t0123456789ab+\n' | helper return shop "$1"; }
note() { printf '%s\t%s\n' "$1" "$2" >"$ROOT/run/pulumi-systemd-ha.note-shop"; }
kept() { find "$SERVICE_DIR/history" -regextype egrep -regex '.*/[0-9a-f]{16}' -printf '%f\n' | sort; }
column() { LOG | cut -f"$1"; }
current() { awk -F '\t' '$1 == "confirmed" { print $3 }' "$SERVICE_DIR/manifest"; }

@test "a confirmed update leaves a line: when, what, by which stack, user and commit, what changed" {
  note mia@desk 0123456789ab+
  update one
  local first="$REVISION"
  note 'bob' ''
  update two bbbb
  equal "$(LOG | cut -f2-)" "$(printf '%s\taaaa\ttest/stack\tmia@desk\t0123456789ab+\tconfirmed\t+%s +%s +shop.service +healthyWithinSec +confirmWithinSec +healthCheckScript \t-\t1\n%s\tbbbb\ttest/stack\tbob\t-\tconfirmed\t~%s ~%s \t-\t2' \
    "$first" "$UNITS/shop.service" "$APP/check" "$REVISION" "$UNITS/shop.service" "$APP/check")"
  [[ "$(column 1 | head -n 1)" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{4}$ ]]
}

@test "a note serves for one update" {
  note mia@desk 0123456789ab
  update one
  absent "$ROOT/run/pulumi-systemd-ha.note-shop"
  update two
  equal "$(column 5 | xargs)" "mia@desk -"
}

@test "what is in a note can't make more of itself than a word" {
  printf 'mia\e[31m evil\t%s\tconfirmed\nsecond\tline\n' "$(printf 'c%.0s' {1..200})" >"$ROOT/run/pulumi-systemd-ha.note-shop"
  update one
  equal "$(LOG | wc -l) $(column 5)" "1 mia[31mevil"
  [[ "$(column 6)" =~ ^c{64}$ ]]
}

@test "what was only put back where it had drifted is told as such" {
  update one
  echo tampered >"$APP/check"
  update one bbbb
  equal "$(column 8 | tail -n 1)" "=$APP/check "
}

@test "an update that is rolled back leaves a line with its reason, and no configuration" {
  update one
  local first="$REVISION"
  configuration two | manifest
  mkdir -p "$ROOT/systemd/shop.service" && echo fail >"$ROOT/systemd/shop.service/start"
  install_manifest bbbb && step daemon-reload
  TRANSACTION=bbbb run step enable shop.service
  equal "$status" 1
  equal "$(LOG | tail -n 1 | cut -f2,3,7,10)" "$(revision)"$'\tbbbb\trolled-back\t2'
  has "$(column 9 | tail -n 1)" "shop.service didn't restart"
  equal "$(kept)" "$first"
}

@test "the last configurations stay, with their content; older ones go" {
  local value revisions=()
  for value in one two three four; do
    { configuration "$value" && setting_row historyKeep 2; } | manifest
    install_manifest aaaa >/dev/null
    step daemon-reload >/dev/null && step confirm >/dev/null
    revisions+=("$(revision)")
  done
  equal "$(kept)" "$(printf '%s\n' "${revisions[@]:1}" | sort)"
  for value in two three four; do [[ -e "$SERVICE_DIR/stage/$(sha256 "$value")" ]]; done
  absent "$SERVICE_DIR/stage/$(sha256 one)"
  equal "$(column 2 | wc -l)" 4
}

@test "the log keeps its last 200 lines" {
  update one
  for _ in {1..250}; do LOG | head -n 1 | sed 's/aaaa/old/'; done >"$ROOT/tmp/log"
  cp "$ROOT/tmp/log" "$SERVICE_DIR/history/log"
  update two bbbb
  equal "$(LOG | wc -l) $(column 3 | sort | uniq -c | xargs)" "200 1 bbbb 199 old"
}

@test "whoever asks gets the present one, those that are kept, the newest first, and the log" {
  update one
  local first="$REVISION"
  update two bbbb
  run --separate-stderr helper history shop
  equal "$(grep -v ^update <<<"$output" | sed -E 's/20[0-9]{2}-[0-9T:+-]+/TIME/')" "$(printf 'current\ttest/stack\t%s\tbbbb\tTIME\t\nkept\t%s\ttest/stack\nkept\t%s\ttest/stack' "$REVISION" "$REVISION" "$first")"
  equal "$(sed -n 's/^update\t//p' <<<"$output")" "$(LOG)"
}

@test "to ask a host where nothing is installed leaves nothing there" {
  run --separate-stderr helper history shop
  equal "$status$output$stderr" 0
  absent "$SERVICE_DIR"
}

@test "a comparison shows what a return would change, and nothing of a secret" {
  local key
  secret_rows() {
    key="$(printf '%064d' "$1")"
    mkdir -p "$SERVICE_DIR/stage" && printf 'TOKEN="hunter%s"\n' "$1" >"$SERVICE_DIR/stage/$key"
    printf 'file|%s|-|0600|%s|-|%s|-\n' "$APP/secret" "$OWNER" "$key"
  }
  { configuration one && secret_rows 1 && file_row "$APP/old" gone; } | settle
  local first
  first="$(revision)"
  { configuration two && secret_rows 2 && unit_row added.timer timer; } | settle
  run --separate-stderr helper compare shop "$first"
  equal "$status$stderr" 0
  has "$output" "-two"
  has "$output" "+one"
  has "$output" "+++ $APP/check ($first)"
  has "$output" "$APP/secret is changed (its text is secret)"
  has "$output" "+gone"
  has "$output" "unit added.timer is removed"
  [[ "$output" != *hunter* ]]
}

@test "a return installs, reloads, restarts, verifies, checks and confirms as an update of its own" {
  update one
  local first="$REVISION"
  update two bbbb
  forget_calls
  run --separate-stderr bring_back "$first"
  equal "$status $output$stderr" "0 revision $first is back"
  file_is "$APP/check" one
  equal "$(current)" "$first"
  equal "$(tail -n 1 "$SERVICE_DIR/manifest" | cut -f4,6)" $'3\treturned'
  equal "$(calls ' restart ' | wc -l) $(count_calls daemon-reload)" "1 1"
  equal "$(LOG | tail -n 1 | cut -f2,4-7,10)" "$first"$'\ttest/stack\tmia@desk\t0123456789ab+\treturned\t3'
  [[ "$(column 3 | tail -n 1)" =~ ^[0-9a-f]{12}$ ]]
  equal "$(find "$SERVICE_DIR" -maxdepth 1 -name 'transaction*')" ""
  # The next update is none by hand.
  update two cccc
  equal "$(tail -n 1 "$SERVICE_DIR/manifest" | cut -f4-6 | sed 's/20.*//')" $'4\t'
}

@test "a return restarts nothing that has what it needs" {
  update one
  local first="$REVISION"
  { configuration one && file_row "$APP/more" more; } | settle
  forget_calls
  bring_back "$first"
  equal "$(count_calls restart)$(calls ' start ')" 0
  absent "$APP/more"
}

@test "a return that doesn't get well is rolled back, and says so by its exit code" {
  update one
  local first="$REVISION"
  update two bbbb
  local present="$REVISION"
  printf '#!/bin/bash\necho "[2026-01-22 22:14:39] ERROR: shop does not answer"\nexit 1\n' >"$ROOT/check"
  run --separate-stderr bring_back "$first"
  equal "$status" 6
  has "$stderr" "shop does not answer"
  has "$stderr" "the update was rolled back"
  file_is "$APP/check" two
  equal "$(current)" "$present"
  equal "$(LOG | tail -n 1 | cut -f2,7)" "$first"$'\trolled-back'
}

@test "a return is refused: unknown, present, damaged, of another stack, while an update is open or at work" {
  update one
  local first="$REVISION"
  update two bbbb
  local present="$REVISION"
  fails 4 bring_back 0123456789abcdef
  equal "$stderr" "revision 0123456789abcdef isn't kept on this host; scripts/history lists those that are"
  fails 4 bring_back "$present"
  equal "$stderr" "revision $present is the present one"
  fails 4 helper return shop "$first" <<<$'their/stack\tmia\t-'
  equal "$stderr" "shop on this host belongs to stack test/stack, not to their/stack"
  cp "$SERVICE_DIR/history/$first" "$ROOT/tmp/kept"
  sed -i 's/0755/4755/' "$SERVICE_DIR/history/$first"
  fails 4 bring_back "$first"
  cp "$ROOT/tmp/kept" "$SERVICE_DIR/history/$first"
  configuration three | manifest && install_manifest cccc
  fails 4 bring_back "$first"
  equal "$stderr" "an update to revision $(revision) is open: it's confirmed or rolled back within two minutes"
  step confirm
  exec 7>>"$SERVICE_DIR/lock" && flock 7
  fails 4 bring_back "$first"
  has "$stderr" "another operation holds $SERVICE_DIR/lock"
}

@test "killed at any point, the history is whole, and the next update is written down once" {
  local n points
  update one
  snapshot one
  kill_at 0
  update two eeee
  points="$(points_passed)"
  (($(wc -w <<<"$points") > 10))
  for n in $points; do
    back_to one
    kill_at "$n"
    update two bbbb 2>/dev/null || true
    kill_at 0
    update two bbbb
    equal "$n: $(awk -F '\t' 'NF != 10' "$SERVICE_DIR/history/log" | wc -l)" "$n: 0"
    equal "$n: $(column 2 | uniq | wc -l)" "$n: 2"
    equal "$n: $(kept | wc -l)" "$n: 2"
    equal "$n: $(column 10 | sort | uniq -d)" "$n: "
  done
}

@test "a return that is killed at any point is no obstacle for the next update" {
  local n first points
  update one
  first="$REVISION"
  update two bbbb
  snapshot two
  kill_at 0
  bring_back "$first" >/dev/null
  points="$(points_passed)"
  (($(wc -w <<<"$points") > 10))
  for n in $points; do
    back_to two
    kill_at "$n"
    bring_back "$first" 2>/dev/null || true
    kill_at 0
    update two cccc
    equal "$n: $(cat "$APP/check") $(current)" "$n: two $REVISION"
    equal "$n: $(find "$SERVICE_DIR" -maxdepth 1 -name 'transaction*')" "$n: "
    equal "$n: $(tail -n 1 "$SERVICE_DIR/manifest" | cut -f6)" "$n: "
  done
}
