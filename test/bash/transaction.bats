#!/usr/bin/env bats
# An update from install to confirm: what belongs to it, what went before it, and what ends it.

load support/host

setup() { new_host; }

confirmed() { awk -F '\t' -v column="$1" '$1 == "confirmed" { print $column }' "$SERVICE_DIR/manifest"; }

@test "confirm makes the desired manifest the confirmed one, with id, revision, counter and time" {
  { unit_row shop.service && file_row "$UNITS/shop.service" new; } | manifest
  install_manifest abc1
  run --separate-stderr step confirm
  equal "$output" "confirmed revision $(revision)"
  equal "$(head -n -1 "$SERVICE_DIR/manifest")" "$(cat "$ROOT/manifest")"
  equal "$(tail -n 1 "$SERVICE_DIR/manifest" | cut -f1-4)" $'confirmed\tabc1\t'"$(revision)"$'\t1'
  [[ "$(confirmed 5)" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{4}$ ]]
  equal "$(find "$SERVICE_DIR" -maxdepth 1 -name 'transaction*' -o -maxdepth 1 -name '*.new')" ""
}

@test "every confirmed update counts one further" {
  unit_row shop.service | settle
  install_manifest bbbb && step confirm
  install_manifest cccc && step confirm
  equal "$(confirmed 2) $(confirmed 4)" "cccc 3"
}

@test "confirm once more changes nothing" {
  unit_row shop.service | settle
  local before
  before="$(stat -c '%i %Y' "$SERVICE_DIR/manifest")"
  run --separate-stderr step confirm
  equal "$status $output" "0 already confirmed"
  equal "$(stat -c '%i %Y' "$SERVICE_DIR/manifest")" "$before"
}

@test "a confirm that died after its rename counts once" {
  unit_row shop.service | manifest
  install_manifest
  cp -r "$SERVICE_DIR/transaction" "$ROOT/tmp/"
  step confirm
  mv "$ROOT/tmp/transaction" "$SERVICE_DIR/"
  step confirm
  equal "$(confirmed 4)" 1
  absent "$SERVICE_DIR/transaction"
}

@test "confirm sweeps the content that no manifest names" {
  { file_row "$APP/check" old; } | settle
  { file_row "$APP/check" new; } | manifest
  file_row x unused >/dev/null
  : >"$SERVICE_DIR/stage/.new.abcdef" && touch -d '2 hours ago' "$SERVICE_DIR/stage/.new.abcdef"
  : >"$SERVICE_DIR/stage/.new.arrives"
  install_manifest && step confirm
  # That of the former configuration stays, see history.bats.
  equal "$(find "$SERVICE_DIR/stage" -type f -printf '%f\n' | sort)" "$(printf '%s\n' .new.arrives "$(sha256 old)" "$(sha256 new)" | sort)"
}

@test "steps of another revision than the installed one are refused as superseded" {
  unit_row shop.service | settle
  local confirmed verb
  confirmed="$(revision)"
  { unit_row shop.service && unit_row other.service; } | manifest
  for verb in daemon-reload "enable shop.service" "verify shop.service" "health-check" confirm; do
    # shellcheck disable=SC2086 # words
    fails 5 step $verb
    equal "$stderr" "revision $confirmed is installed on this host, not $(revision): another update came in between; run the update again"
  done
  # The same while the other one is open.
  install_manifest
  unit_row shop.service | manifest
  fails 5 step confirm
  has "$(record_of . | tail -n 1)" $'confirm\tshop\t5\trevision '
}

@test "steps on a host where nothing is installed are refused" {
  unit_row shop.service | manifest
  fails 5 step enable shop.service
  has "$stderr" "revision none is installed on this host"
  equal "$(count_calls enable)" 0
}

@test "steps without a revision are refused" {
  fails 2 helper enable shop shop.service --transaction aaaa </dev/null
  equal "$stderr" "no revision arrived on stdin"
  fails 2 helper confirm shop --transaction aaaa <<<"revision xyz"
}

@test "the open update says until when the timer's check leaves the field to it" {
  unit_row shop.service | manifest
  install_manifest
  local boot deadline up
  read -r boot deadline <"$SERVICE_DIR/transaction/deadline"
  read -r up _ </proc/uptime
  equal "$boot" "$(</proc/sys/kernel/random/boot_id)"
  ((deadline > ${up%%.*} + 15 - 30 && deadline <= ${up%%.*} + 5 + 10))
}

@test "what the new configuration hasn't any more goes: units are retired, files removed" {
  set_unit old.timer UnitFileState=
  {
    file_row "$UNITS/old.service" old
    file_row "$UNITS/apache2.service.d/restart.conf" old
    unit_row old.service
    unit_row old.timer
  } | settle
  step enable old.timer
  unit_row shop.service | manifest
  forget_calls
  install_manifest bbbb
  equal "$(calls 'disable')" $'systemctl disable -- old.timer\nsystemctl disable -- old.service'
  absent "$UNITS/old.service"
  absent "$UNITS/apache2.service.d"
  run step daemon-reload
  equal "$output" reloaded
}

@test "the host's own unit keeps running when the configuration doesn't name it any more" {
  set_unit apache2.service UnitFileState=enabled ActiveState=active
  { unit_row shop.service && unit_row apache2.service proxy host; } | settle
  forget_calls
  unit_row shop.service | manifest
  install_manifest bbbb
  equal "$(calls 'apache2' | grep -v show)" ""
}

@test "the host's own unit gets back the state it had" {
  set_unit apache2.service UnitFileState=disabled ActiveState=inactive
  { unit_row shop.service && unit_row apache2.service proxy host; } | settle
  step enable apache2.service
  unit_row shop.service | manifest
  install_manifest bbbb
  equal "$(systemctl is-enabled apache2.service) $(systemctl is-active apache2.service)" "disabled inactive"
}

@test "what an update that was never confirmed brought goes with the next one" {
  { file_row "$APP/check" old; } | settle
  { file_row "$APP/check" new && file_row "$UNITS/extra.service" extra && unit_row extra.service; } | manifest
  install_manifest bbbb
  { file_row "$APP/check" newer; } | manifest
  install_manifest cccc
  { file_row "$APP/check" old; } | manifest
  install_manifest dddd
  file_is "$APP/check" old
  absent "$UNITS/extra.service"
  equal "$(systemctl is-enabled extra.service)" ""
}

@test "an original that came back counts anew when the path is managed again" {
  echo first >"$APP/check"
  { unit_row shop.service && file_row "$APP/check" ours; } | settle
  unit_row shop.service | settle
  file_is "$APP/check" first
  echo second >"$APP/check"
  { unit_row shop.service && file_row "$APP/check" ours; } | settle
  helper uninstall shop </dev/null
  file_is "$APP/check" second
}

@test "a corrupt confirmed manifest counts as none" {
  { file_row "$APP/check" old; } | settle
  printf 'garbage\0\n\t\t' >"$SERVICE_DIR/manifest"
  fails 5 step confirm
  install_manifest bbbb && step confirm
  equal "$(confirmed 2)" bbbb
}
