#!/usr/bin/env bats
# What a unit really is: settings of drop-ins, and which of them stand against ours.

load support/host

setup() {
  new_host
  # shellcheck source=/dev/null
  source "$ROOT/host/lib/observe.bash"
}

# settings < text of a unit file: its assignments, with `|` between the columns.
settings() { settings_of | tr '\037' '|'; }
# has_settings LINES < text
has_settings() { equal "$(settings)" "$1"; }

OURS=$'[Unit]\nDescription=Shop\nAfter=network-online.target\nStartLimitIntervalSec=0\n[Service]\nUser=www-data\nEnvironment=PORT=1\nEnvironment="GREETING=a b"\nExecStart=/bin/true\nRestart=always\nRestartSec=5\n[Install]\nWantedBy=multi-user.target'

# against LINE...: what of a drop-in with these lines contradicts ours: section, key and value.
against() { contradictions <(settings_of <<<"$OURS") <(printf '%s\n' "$@" | settings_of) | tr '\037' '|'; }

@test "assignments are told with section, key and value" {
  has_settings $'Unit|Description|Shop\nService|Restart|always' <<<$'[Unit]\nDescription=Shop\n\n[Service]\nRestart=always'
}

@test "blanks around sections, keys and values don't count, those within do" {
  has_settings 'Service|Environment|"A=b  c"' <<<$'  [Service]\t\n \tEnvironment \t=  "A=b  c" \t'
}

@test "a value keeps its equals signs, quotes, tabs and anything else" {
  has_settings $'Service|ExecStart|/bin/sh -c "a=\'b\';\\\\t\t$X %n & |"' <<<$'[Service]\nExecStart=/bin/sh -c "a=\'b\';\\\\t\t$X %n & |"'
}

@test "comments are passed over, also indented and within a continuation" {
  has_settings $'Service|ExecStart|/bin/true  a' <<<$'# Restart=no\n[Service]\n ; Restart=no\n\t# x\nExecStart=/bin/true \\\n# Restart=no\\\n; Restart=no\na'
}

@test "a number sign within a value is no comment" {
  has_settings 'Service|ExecStart|/bin/true # x' <<<$'[Service]\nExecStart=/bin/true # x'
}

@test "a continued line is one assignment, whatever it looks like" {
  has_settings 'Service|Environment|A=b  [Unit] Restart=no' <<<$'[Service]\nEnvironment=A=b \\\n[Unit]\\\nRestart=no'
}

@test "a continuation at the end of the file counts, with a line end or without" {
  has_settings 'Service|Restart|no' <<<$'[Service]\nRestart=no\\'
  equal "$(printf '[Service]\nRestart=no' | settings)" 'Service|Restart|no'
}

@test "an empty reset is an assignment" {
  has_settings 'Service|ExecStart|' <<<$'[Service]\nExecStart='
}

@test "lines with Windows ends are read too" {
  has_settings 'Service|Restart|no' <<<$'[Service]\r\nRestart=no\r'
}

@test "an empty file, one of comments and garbage have no assignments" {
  has_settings "" </dev/null
  has_settings "" <<<$'# a\n;b\n\n   '
  has_settings "" <<<$'garbage\n[Unit'
}

@test "another value of what we set is a contradiction" {
  equal "$(against '[Service]' Restart=no RestartSec=1)" $'Service|Restart|no\nService|RestartSec|1'
}

@test "the same value isn't, and neither is what we don't set" {
  equal "$(against '[Service]' ' Restart = always ' LimitNOFILE=9 ExecStartPre=/bin/true '[X-Other]' Restart=no)" ""
}

@test "one more condition of a start isn't; that ours be forgotten is" {
  equal "$(OURS=$'[Unit]\nConditionPathExists=!/a' against '[Unit]' ConditionPathExists=/b ConditionPathExists=)" "Unit|ConditionPathExists|"
}

@test "the same key of another section isn't" {
  equal "$(against '[Unit]' Restart=no '[Service]' StartLimitIntervalSec=9)" ""
}

@test "what describes, orders or installs isn't" {
  equal "$(against '[Unit]' Description=x After= After=x Wants=x '[Service]' LogExtraFields=A=b '[Install]' WantedBy=)" ""
}

@test "a reset and what follows it are" {
  equal "$(against '[Service]' ExecStart= ExecStart=/bin/false)" $'Service|ExecStart|\nService|ExecStart|/bin/false'
}

@test "another variable of the environment isn't, one of ours is, quoted or not" {
  equal "$(against '[Service]' Environment=OTHER=1 'Environment="MORE=a b"' Environment=PORTS=1 Environment=EXPORT=1)" ""
  equal "$(against '[Service]' Environment=PORT=2)" 'Service|Environment|PORT=2'
  equal "$(against '[Service]' 'Environment="PORT=2"')" 'Service|Environment|"PORT=2"'
  equal "$(against '[Service]' "Environment='GREETING=x'")" "Service|Environment|'GREETING=x'"
  equal "$(against '[Service]' 'Environment=OTHER=1 PORT=2')" 'Service|Environment|OTHER=1 PORT=2'
}

@test "a word in another variable's value that looks like one of ours isn't" {
  equal "$(against '[Service]' 'Environment="OPTIONS=-x PORT=2"')" ""
}

@test "an environment that is emptied is" {
  equal "$(against '[Service]' Environment=)" 'Service|Environment|'
}

@test "ours without settings contradicts nothing" {
  equal "$(contradictions <(settings_of </dev/null) <(settings_of <<<$'[Service]\nRestart=no'))" ""
}

# units_of PATH...: with blanks between; `-` for none.
units_of() {
  local path unit
  for path in "$@"; do
    unit="$(unit_of "$path")"
    printf '%s ' "${unit:--}"
  done
}

@test "the unit of a file is known by its path" {
  equal "$(units_of "$UNITS/shop.service" "$UNITS/apache2.service.d/restart.conf" "$UNITS/shop.timer" "$ROOT/etc/logrotate.d/shop" "$APP/x.d/y")" \
    "shop.service apache2.service shop.timer - - "
}

@test "drop-ins are found on disk and by what systemd loaded, once each; ours isn't foreign" {
  drop_in apache2.service restart.conf '[Service]' Restart=always
  drop_in apache2.service b.conf '[Service]' Restart=no
  drop_in apache2.service notes.txt '[Service]' Restart=no
  drop_in other.service x.conf '[Service]' Restart=no
  mkdir -p "$ROOT/usr/lib/apache2.service.d"
  : >"$ROOT/usr/lib/apache2.service.d/zz.conf"
  : >"$ROOT/usr/lib/apache2.service.d/aa.conf"
  set_unit apache2.service "DropInPaths=$ROOT/usr/lib/apache2.service.d/aa.conf $UNITS/apache2.service.d/b.conf $UNITS/apache2.service.d/restart.conf $UNITS/apache2.service.d/gone.conf $ROOT/usr/lib/apache2.service.d/zz.conf"
  # What sorts before ours is overruled by it.
  equal "$(foreign_drop_ins apache2.service "$UNITS/apache2.service.d/restart.conf")" "$UNITS/apache2.service.d/b.conf
$ROOT/usr/lib/apache2.service.d/zz.conf"
  # Nothing is sorted before the unit itself.
  has "$(foreign_drop_ins apache2.service "$UNITS/apache2.service")" "$ROOT/usr/lib/apache2.service.d/aa.conf"
}

@test "a unit without drop-ins has none" {
  equal "$(foreign_drop_ins shop.service "$UNITS/shop.service")" ""
  equal "$(overrides_of "$UNITS/shop.service" <<<"$OURS")" ""
}

@test "a drop-in that is a link is read through; one to /dev/null, a dangling one and a directory are none" {
  printf '[Service]\nRestart=no\n' >"$ROOT/tmp/target"
  mkdir -p "$UNITS/shop.service.d/c.conf"
  ln -s "$ROOT/tmp/target" "$UNITS/shop.service.d/a.conf"
  ln -s /dev/null "$UNITS/shop.service.d/b.conf"
  ln -s "$ROOT/nothing" "$UNITS/shop.service.d/d.conf"
  run --separate-stderr overrides_of "$UNITS/shop.service" <<<"$OURS"
  equal "$(tr '\037' '|' <<<"$output")$stderr" "$UNITS/shop.service.d/a.conf|Service|Restart|no"
}

@test "an override is told with its path, whatever characters it has" {
  local name
  for name in "a b" "a&b" "a|b" 'a\1b'; do
    drop_in shop.service "$name.conf" '[Service]' $'RestartSec=1\t& \\1'
    run --separate-stderr overrides_of "$UNITS/shop.service" <<<"$OURS"
    equal "$(tr '\037' '|' <<<"$output")$stderr" "$UNITS/shop.service.d/$name.conf|Service|RestartSec|1"$'\t& \\1'
    rm -r "$UNITS/shop.service.d"
  done
}

@test "only what somebody made on this host for this unit alone can be moved" {
  local path
  for path in "$UNITS/a.service.d/x.conf" "$ROOT/etc/systemd/system.control/a.service.d/x.conf" "$ROOT/run/systemd/transient/a.service.d/x.conf"; do
    is_movable a.service "$path"
  done
  for path in "$UNITS/service.d/x.conf" "$UNITS/b.service.d/x.conf" "$UNITS/a.service" /usr/lib/systemd/system/a.service.d/x.conf "$UNITS/aaservice.d/x.conf"; do
    run is_movable a.service "$path"
    equal "$status $path" "1 $path"
  done
}

@test "effective properties are those that say when and how often a unit starts again" {
  set_unit shop.service Restart=always RestartUSec=5s StartLimitBurst=5 ActiveState=active
  equal "$(effective_properties shop.service)" $'Restart=always\nRestartUSec=5s\nStartLimitBurst=5'
}

@test "what a process is started with doesn't depend on when it was, nor on an order" {
  set_unit shop.service User=root 'ExecStart={ path=/bin/true ; argv[]=/bin/true a=b ; ignore_errors=no ; start_time=[Mon] ; pid=7 }' Environment=A=b
  local before
  before="$(process_properties shop.service)"
  has "$before" 'ExecStart={ path=/bin/true ; argv[]=/bin/true a=b'
  set_unit shop.service 'ExecStart={ path=/bin/true ; argv[]=/bin/true a=b ; ignore_errors=no ; start_time=[Tue] ; pid=8 }'
  equal "$(process_properties shop.service)" "$before"
  set_unit shop.service 'ExecStart={ path=/bin/true ; argv[]=/bin/true a=c ; ignore_errors=no ; start_time=[Tue] ; pid=8 }'
  [[ "$(process_properties shop.service)" != "$before" ]]
}

@test "a process without a group has its user's own" {
  set_unit shop.service User=root
  local before
  before="$(process_properties shop.service)"
  has "$before" "Group=$(id -gn root)"
  set_unit shop.service "Group=$(id -gn root)"
  equal "$(process_properties shop.service)" "$before"
  set_unit shop.service Group=nogroup
  has "$(process_properties shop.service)" Group=nogroup
}
