#!/usr/bin/env bats
# The probe looks at a host and changes nothing, but that a real update leaves a note of who updates.

load support/host

setup() { new_host; }
teardown() {
  [[ -z "${LISTENER:-}" ]] || kill "$LISTENER" 2>/dev/null || true
  umount "$ROOT/etc/logrotate.d" 2>/dev/null || true
}

# bundle: what src/remote/bundle.ts puts together, with the calls of $CALLS.
bundle() { cat "$ROOT"/host/lib/observe.bash "$ROOT"/host/probe/{tell,look,requirements,installed,main}.bash && printf '%s\nmain "$@"\n' "${CALLS:-}"; }

# probe [NAME=VALUE...]: as the first contact sends it.
probe() {
  bash -s -- service=shop version=1 user="${OWNER%%:*}" group="${OWNER##*:}" directory="$APP" executable=/bin/sh port=1 unit=shop.service \
    host_units="apache2.service cloudflared.service" proxy_unit=apache2.service proxy_port=1 "$@" < <(PATH=/usr/bin:/bin && bundle)
}
# look [NAME=VALUE...]: asks it; value KEY: what it said, a line each.
look() { probe "$@" >"$ROOT/tmp/answer"; }
value() { awk -F '\t' -v key="$1" '$1 == key { print $2 }' "$ROOT/tmp/answer"; }
# row KEY [NAME]: the columns behind it, with `|` between.
row() { awk -F '\t' -v key="$1" -v name="${2:-}" '$1 == key && (name == "" || $2 == name)' "$ROOT/tmp/answer" | cut -f2- | tr '\t' '|'; }
# decoded: base64 of the last column.
decoded() { sed 's/.*|//' | base64 -d; }

@test "the answer is lines of a key and a value, and complete with its last" {
  run --separate-stderr probe
  equal "$status$stderr" 0
  equal "${lines[-1]}" $'end\tyes'
  equal "$(printf '%s\n' "${lines[@]}" | grep -cvE $'^[a-z_]+(:[a-z0-9.]+)?(\t[^\t]*)+$')" 0
}

# picture: every file with its times.
picture() { find "$ROOT" -path "$ROOT/calls" -prune -o -printf '%p %i %T@ %C@ %s %m\n' | sort; }

@test "nothing on the host is changed" {
  unit_row shop.service | settle
  forget_calls
  local before
  before="$(picture)"
  probe >/dev/null
  equal "$(picture)" "$before"
  equal "$(calls . | grep -vE 'show|--version|is-enabled')" ""
}

@test "an update leaves a note of who it is, for root alone, and not through a link" {
  local note="$ROOT/run/pulumi-systemd-ha.note-shop"
  echo precious >"$ROOT/tmp/target"
  ln -s "$ROOT/tmp/target" "$note"
  look note_user=mia@desk note_commit=0123456789ab+
  file_is "$note" $'mia@desk\t0123456789ab+'
  equal "$(stat -c '%F %a' "$note")" "regular file 600"
  file_is "$ROOT/tmp/target" precious
  equal "$(find "$ROOT/run" -type f)" "$note"
}

@test "an update of several hosts leaves what the others have; the next one, of this host alone, takes it away" {
  local others="$ROOT/run/pulumi-systemd-ha.others-shop"
  look note_user=mia@desk note_others="of the other hosts: web2: untouched"
  file_is "$others" "of the other hosts: web2: untouched"
  equal "$(stat -c '%a' "$others")" 600
  look
  file_is "$others" "of the other hosts: web2: untouched"
  look note_user=mia@desk
  equal "$(ls "$ROOT/run" | grep -c others)" 0
}

@test "the system is told: machine, systemd and its version" {
  look
  equal "$(value machine_id)" "$(cat /etc/machine-id 2>/dev/null)"
  equal "$(value systemd_running) $(value systemd_version)" "yes 252"
  rmdir "$ROOT/run/systemd/system"
  look
  equal "$(value systemd_running)" no
}

@test "missing commands are named" {
  local name
  mkdir "$ROOT/bin"
  for name in bash cat tr head awk stat getent find wc systemctl; do ln -s "$(type -P "$name")" "$ROOT/bin/$name"; done
  PATH="$ROOT/bin" look
  equal "$(value missing_command | xargs)" "curl flock timeout sha256sum logrotate journalctl"
}

@test "alerts by e-mail that nothing sends are told" {
  local alerts="$ROOT/etc/pulumi-systemd-ha/shop.alerts"
  mkdir -p "${alerts%/*}"
  ! type -P sendmail || skip "there is one here"
  look
  equal "$(value email_undeliverable)" no
  echo 'WEBHOOK_URL="https://x.example/?EMAIL="' >"$alerts"
  look
  equal "$(value email_undeliverable)" no
  echo 'EMAIL="ops@shop.example"' >>"$alerts"
  look
  equal "$(value email_undeliverable)" yes
  mkdir "$ROOT/bin"
  printf '#!/bin/bash\n' >"$ROOT/bin/sendmail"
  chmod +x "$ROOT/bin/sendmail"
  PATH="$ROOT/bin:$PATH" look
  equal "$(value email_undeliverable)" no
}

@test "user and group are there or not" {
  look
  equal "$(value user_exists) $(value group_exists)" "yes yes"
  look user=nobody-here group=nobody-here
  equal "$(value user_exists) $(value group_exists)" "no no"
}

# stands DIRECTORY EXECUTABLE: what is told of them.
stands() {
  look directory="$1" executable="$2"
  equal "$(value directory_type), $(value executable_type), $(value executable_runs)" "$3"
}

@test "what stands in the place of directory and executable is named" {
  : >"$ROOT/tmp/file"
  ln -s "$APP" "$ROOT/tmp/link"
  # An executable may be reached by a link, a directory not.
  ln -s /bin/sh "$ROOT/tmp/sh"
  stands "$APP" /bin/sh "directory, regular file, yes"
  stands "$ROOT/tmp/file" "$ROOT/tmp/file" "regular empty file, regular empty file, no"
  stands "$ROOT/tmp/link" "$ROOT/tmp/sh" "symbolic link, regular file, yes"
  stands "$ROOT/nothing" "$ROOT/nothing" ", , no"
}

# listen: a process of this test's listens on PORT.
listen() {
  node -e 'require("net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port) })' >"$ROOT/tmp/port" 3>&- &
  LISTENER=$!
  eventually test -s "$ROOT/tmp/port"
  PORT="$(<"$ROOT/tmp/port")"
}

@test "the process that listens on a port is named with its cgroup" {
  type -P node >/dev/null || skip "needs node"
  listen
  look port="$PORT" proxy_port="$PORT"
  equal "$(value port_listener)" "node $(xargs <"/proc/$LISTENER/cgroup")"
  equal "$(value proxy_listener)" "$(value port_listener)"
  kill "$LISTENER" && wait "$LISTENER" || true
  look port="$PORT" proxy_port=
  equal "$(value port_listener)" ""
  equal "$(grep -c proxy_listener "$ROOT/tmp/answer")" 0
}

@test "the host's units are told one by one" {
  set_unit apache2.service LoadState=loaded ActiveState=active
  set_unit cloudflared.service LoadState=not-found ActiveState=inactive
  look
  equal "$(value unit_load_state:apache2.service) $(value unit_active_state:apache2.service)" "loaded active"
  equal "$(value unit_load_state:cloudflared.service) $(value unit_active_state:cloudflared.service)" "not-found inactive"
  look host_units=
  equal "$(grep -c ^unit_ "$ROOT/tmp/answer")" 0
}

@test "a value can't make a line of its own" {
  set_unit apache2.service ActiveState=active
  printf 'loaded\tend\033[31m\nend\tyes\n' >"$ROOT/systemd/apache2.service/LoadState"
  look
  equal "$(value unit_load_state:apache2.service)" "loaded end [31m"
  equal "$(grep -c '^end' "$ROOT/tmp/answer")" 1
}

@test "directories that can't be written are named" {
  needs_root
  look
  equal "$(value read_only)" ""
  mount -t tmpfs -o ro none "$ROOT/etc/logrotate.d" 2>/dev/null || skip "can't mount a tmpfs here"
  look
  equal "$(value read_only)" "$ROOT/etc/logrotate.d"
}

@test "an unmanaged host has nothing confirmed, nothing open and nothing staged" {
  look
  equal "$(grep -cE '^(manifest|open|revision|staged|override|property|file)' "$ROOT/tmp/answer")" 0
  equal "$(value released)" no
  equal "$(row process)" "shop.service||"
}

@test "a confirmed configuration is told whole" {
  unit_row shop.service | settle
  look
  row manifest | decoded | diff - "$SERVICE_DIR/manifest"
  equal "$(grep -cE '^open' "$ROOT/tmp/answer")" 0
}

@test "an open update is told with its manifest and revision, and differs after every attempt" {
  unit_row shop.service | manifest
  install_manifest
  local first
  look
  row open_manifest | decoded | diff - "$ROOT/manifest"
  first="$(row open_transaction)$(row attempts)"
  equal "$(row open_transaction)" "$(revision)|aaaa"
  look
  equal "$(row open_transaction)$(row attempts)" "$first"
  install_manifest bbbb
  look
  equal "$(row open_transaction)" "$(revision)|bbbb"
  [[ "$(row attempts)" != "${first##*|aaaa}" ]]
  # Also after one that was taken back, of which nothing is open.
  first="$(row attempts)"
  TRANSACTION=bbbb taken_back 1 step verify nothing.service
  install_manifest cccc && TRANSACTION=cccc taken_back 1 step verify nothing.service
  look
  equal "$(row open_transaction)" ""
  [[ "$(row attempts)" != "$first" ]]
}

@test "an update that is only being opened isn't open yet" {
  unit_row shop.service | manifest
  install_manifest
  mv "$SERVICE_DIR/transaction" "$SERVICE_DIR/transaction.new"
  look
  equal "$(row open_transaction)$(row open_manifest)" ""
}

@test "half a state directory and a corrupt manifest give a whole answer, and the manifest as it is" {
  mkdir -p "$SERVICE_DIR/transaction"
  printf 'garbage\0\tconfirmed\n' >"$SERVICE_DIR/manifest"
  run --separate-stderr probe
  equal "$stderr" ""
  equal "${lines[-1]}" $'end\tyes'
  probe >"$ROOT/tmp/answer"
  row manifest | decoded | cmp - "$SERVICE_DIR/manifest"
}

@test "a service that was released is told" {
  mkdir -p "$SERVICE_DIR" && : >"$SERVICE_DIR/released"
  look
  equal "$(value released)" yes
}

@test "the revisions that the steps were called with are told, empty ones aren't" {
  stage /etc/x abc1 <<<content
  printf 'helper\tabc2\n' >"$SERVICE_DIR/revisions/helper"
  : >"$SERVICE_DIR/revisions/empty"
  look
  equal "$(row revision | sort)" $'/etc/x|abc1\nhelper|abc2'
}

@test "another state directory has another anchor, also the next one that isn't there" {
  local none some
  look
  none="$(value state_anchor)"
  unit_row shop.service | settle
  look
  some="$(value state_anchor)"
  rm -rf "$STATE_DIR"
  look
  [[ "$none" != "$some" && "$(value state_anchor)" != "$some" && "$(value state_anchor)" != "$none" ]]
}

# facts KIND PATH: type, mode, owner, hash and key.
facts() { row "$1" "$2" | cut -d'|' -f2-4,6-; }

@test "files, directories and logs are told with type, mode, owner, hash and key" {
  CALLS="$(printf 'add_thing %s\n' "directory $APP/bin 0755" "log $APP/log 0640" "file $APP/bin/check 0755" "file $APP/bin/none 0644")"
  { directory_row "$APP/bin" && log_row "$APP/log" && file_row "$APP/bin/check" ours 0755; } | settle
  look
  equal "$(facts directory "$APP/bin")" "directory|0755|$OWNER||"
  equal "$(facts log "$APP/log")" "regular empty file|0640|$OWNER||"
  equal "$(facts file "$APP/bin/check")" "regular file|0755|$OWNER|$(sha256 ours)|$(sha256 ours)"
  equal "$(facts file "$APP/bin/none")" "||||"
  equal "$(row file "$APP/bin/check" | cut -d'|' -f5)" "$(stat -c '%i %.Z' "$APP/bin/check")"
  equal "$(row file "$APP/bin/none" | cut -d'|' -f5)" "$(stat -c '%i %.Z' "$APP/bin")"
  # Ours is known, so it needn't be shown.
  equal "$(row content)" ""
}

@test "what only the manifest has is told too, each path once" {
  CALLS="add_thing file $APP/check 0644"
  { file_row "$APP/check" ours && file_row "$APP/former" ours; } | settle
  look
  equal "$(row file | cut -d'|' -f1)" "$APP/check"$'\n'"$APP/former"
}

@test "an edit is told with its content, and isn't taken for ours" {
  needs_root
  CALLS="add_thing file $APP/check 0644"
  file_row "$APP/check" ours | settle
  printf 'theirs\t\n\377no end' >"$APP/check"
  look
  equal "$(facts file "$APP/check" | cut -d'|' -f4-)" "$(sha256sum <"$APP/check" | cut -d' ' -f1)|"
  row content "$APP/check" | decoded | cmp - "$APP/check"
}

@test "a long edit is told cut off, and still with its whole hash" {
  needs_root
  CALLS="add_thing file $APP/check 0644"
  head -c 200000 /dev/zero >"$APP/check"
  look
  equal "$(row content "$APP/check" | decoded | wc -c)" 65536
  has "$(facts file "$APP/check")" "$(sha256sum <"$APP/check" | cut -d' ' -f1)"
}

@test "neither hash nor content of what only root may read is told, ours is known all the same" {
  CALLS="add_thing file $APP/secret 0600"
  file_row "$APP/secret" TOKEN 0600 | settle
  look
  equal "$(facts file "$APP/secret")" "regular file|0600|$OWNER||$(sha256 TOKEN)"
  echo other >"$APP/secret"
  look
  equal "$(facts file "$APP/secret")$(row content)" "regular file|0600|$OWNER||"
}

@test "content that only root may read isn't told, whatever is wanted there" {
  CALLS="add_thing file $APP/check 0644"
  echo "TOKEN=theirs" >"$APP/check" && chmod 0600 "$APP/check"
  look
  equal "$(facts file "$APP/check")$(row content)" "regular file|0600|$OWNER||"
}

@test "content isn't told where somebody else could have put a link to root's" {
  needs_root
  CALLS="add_thing file $APP/check 0644"
  echo theirs >"$APP/check"
  chown nobody "$APP"
  look
  equal "$(row content)" ""
}

@test "a link is told with its target, which isn't read" {
  CALLS="add_thing file $APP/check 0644"
  echo secret >"$ROOT/tmp/target"
  ln -s "$ROOT/tmp/target" "$APP/check"
  look
  equal "$(facts file "$APP/check")" "symbolic link|0777|$OWNER||"
  equal "$(row link)" "$APP/check|$ROOT/tmp/target"
  ln -sfT $'/a\nend\tyes' "$APP/check"
  look
  equal "$(row link)" "$APP/check|/a end yes"
  equal "$(grep -c '^end' "$ROOT/tmp/answer")" 1
}

@test "a pipe or a directory in the place of a file is told without waiting" {
  CALLS="$(printf 'add_thing file %s 0644\n' "$APP/pipe" "$APP/directory")"
  mkfifo "$APP/pipe" && mkdir "$APP/directory"
  SECONDS=0
  look
  ((SECONDS < 10))
  equal "$(row file | cut -d'|' -f1,2)" "$APP/pipe|fifo"$'\n'"$APP/directory|directory"
}

@test "staged content is told by its name, and whether that is still its hash" {
  stage /etc/x <<<content
  stage /etc/y <<<more
  echo other >"$SERVICE_DIR/stage/$(sha256 more)"
  look
  equal "$(row staged | sort)" "$(printf '%s\n' "$(sha256 content)|yes" "$(sha256 more)|no" | sort)"
}

@test "of a secret's stored copy no hash is told, whether an update brought it into place or not" {
  CALLS="add_thing file $APP/secret 0600"
  file_row "$APP/secret" TOKEN 0600 | sed -E "s/\|[0-9a-f]{64}\|0600/|-|0600/" | settle
  mv "$SERVICE_DIR/stage/$(sha256 TOKEN)" "$SERVICE_DIR/stage/0123abcd"
  look
  equal "$(row staged)" "0123abcd|no"
  equal "$(grep -c "$(sha256 TOKEN)" "$ROOT/tmp/answer")" 0
}

@test "each unit is told with its state and whether it starts at boot" {
  CALLS=$'add_thing unit shop.service -\nadd_thing unit shop.timer -'
  set_unit shop.service LoadState=loaded ActiveState=active SubState=running UnitFileState=enabled
  look
  [[ "$(row unit shop.service)" =~ ^shop.service\|UptimeSec=[0-9]+\|LoadState=loaded\|ActiveState=active\|SubState=running\|UnitFileState=enabled\|?$ ]]
  has "$(row unit shop.timer)" "shop.timer|UptimeSec="
}

@test "a start limit is told where systemd keeps how the process had ended, too" {
  CALLS="$(printf 'add_thing unit %s -\n' a.service b.service)"
  set_unit a.service ActiveState=failed Result=signal
  set_unit b.service ActiveState=active Result=signal
  echo "a.service: Start request repeated too quickly." >"$ROOT/journal"
  look
  has "$(row unit a.service)" "Result=start-limit-hit"
  has "$(row unit b.service)" "Result=signal"
}

@test "each unit has its own answer, also where some aren't there" {
  CALLS="$(printf 'add_thing unit %s -\n' a.service b.service c.service)"
  set_unit a.service LoadState=loaded UnitFileState=enabled
  set_unit c.service LoadState=masked UnitFileState=masked
  look
  equal "$(row unit | sed 's/UptimeSec=[0-9]*//')" "a.service||LoadState=loaded|UnitFileState=enabled
b.service|
c.service||LoadState=masked|UnitFileState=masked"
  set_unit b.service LoadState=loaded UnitFileState=enabled
  look
  has "$(row unit b.service)" "|LoadState=loaded|UnitFileState=enabled"
  has "$(row unit c.service)" "|LoadState=masked|UnitFileState=masked"
}

@test "a name that no unit can have has no answer, and takes none away" {
  local long
  long="$(printf 'a%.0s' {1..300}).service"
  CALLS="$(printf 'add_thing unit %s -\n' a.service "$long" c.service)"
  set_unit a.service LoadState=loaded
  set_unit c.service LoadState=loaded
  look host_units="$long apache2.service"
  equal "$(row unit | sed -E 's/UptimeSec=[0-9]*//; s/a{300}/long/')" $'a.service||LoadState=loaded\nlong.service|\nc.service||LoadState=loaded'
}

@test "however many units there are, systemd is asked three times where all is well" {
  CALLS="$(printf 'add_thing unit %s -\n' a.service b.service c.service d.service)"
  local unit
  for unit in a b c d; do set_unit "$unit.service" UnitFileState=enabled; done
  look
  equal "$(count_calls systemctl)" 3
}

@test "a unit between two states is asked again" {
  CALLS="add_thing unit shop.service -"
  set_unit shop.service ActiveState=activating
  printf '%s\n' activating active >"$ROOT/systemd/shop.service/ActiveState.next"
  look
  equal "$(row unit shop.service | cut -d'|' -f3)" "ActiveState=active"
  equal "$(calls sleep)" "sleep 2"
}

@test "what systemd does otherwise than at the confirmation is told, then and now" {
  CALLS="add_thing unit shop.service -"
  set_unit shop.service Restart=always RestartUSec=5s StartLimitBurst=5
  unit_row shop.service | settle
  look
  equal "$(row property)" ""
  set_unit shop.service Restart=no RestartUSec=1min
  look
  equal "$(row property | sort)" "$(printf 'shop.service|%s\n' 'Restart|always|no' 'RestartUSec|5s|1min' | sort)"
}

# wants_text TEXT: of the unit file of shop.service.
wants_text() { printf -v CALLS 'add_text %q %q' "$UNITS/shop.service" "$1"; }

@test "a drop-in that contradicts what is wanted is told" {
  wants_text $'[Service]\nRestart=always\nEnvironment="A=$HOME `id` \\\\"'
  drop_in shop.service zz.conf '[Service]' Restart=no LimitNOFILE=9 'Environment=A=x' Environment=B=y
  look
  equal "$(row override)" "shop.service|$UNITS/shop.service.d/zz.conf|yes|Service|Restart|no
shop.service|$UNITS/shop.service.d/zz.conf|yes|Service|Environment|A=x"
}

@test "of a drop-in of more units than this one it's told that an update can't move it" {
  wants_text $'[Service]\nRestart=always'
  mkdir -p "$UNITS/service.d"
  printf '[Service]\nRestart=no\n' >"$UNITS/service.d/all.conf"
  set_unit shop.service "DropInPaths=$UNITS/service.d/all.conf"
  look
  equal "$(row override)" "shop.service|$UNITS/service.d/all.conf|no|Service|Restart|no"
}

@test "an override's value stays on its line, whatever it has" {
  wants_text $'[Service]\nRestart=always'
  drop_in shop.service zz.conf '[Service]' $'Restart=a\tb \\' $'end\tyes & | \\1'
  look
  equal "$(row override)" "shop.service|$UNITS/shop.service.d/zz.conf|yes|Service|Restart|a b  end yes & | \\1"
  equal "$(grep -c '^end' "$ROOT/tmp/answer")" 1
}

@test "the process is told with what is recorded of it and with systemd's own witness" {
  { unit_row shop.service && file_row "$UNITS/shop.service" "$(app_unit 1111)"; } | settle
  step enable shop.service
  look
  equal "$(row process)" "shop.service|$(<"$SERVICE_DIR/process")|PULUMI_SYSTEMD_HA_WITNESS=1111"
}

# helper_there: it lies where it is installed, in $INSTALLED.
helper_there() {
  INSTALLED="$ROOT/usr/local/lib/pulumi-systemd-ha/1"
  mkdir -p "$INSTALLED" && cp -r "$ROOT/host/lib" "$ROOT/host/helper" "$INSTALLED/"
  chmod 0644 "$INSTALLED"/lib/* && chmod 0755 "$INSTALLED/helper"
}

@test "the helper is told as one hash, another one after any alteration" {
  local none whole alteration
  look
  none="$(value helper)"
  helper_there
  look
  whole="$(value helper)"
  [[ "$whole" != "$none" ]]
  for alteration in "chmod 0700 helper" "rm lib/log.bash" "cp lib/log.bash lib/lock.bash" "touch lib/a.b" "ln -sf /bin/true helper"; do
    cp -a "$INSTALLED" "$ROOT/tmp/before"
    # shellcheck disable=SC2086 # words
    (cd "$INSTALLED" && $alteration)
    look
    [[ "$(value helper)" != "$whole" ]]
    rm -r "$INSTALLED" && mv "$ROOT/tmp/before" "$INSTALLED"
  done
  look
  equal "$(value helper)" "$whole"
}

@test "a helper that lies there whole is told as the library lists it" {
  needs_root
  helper_there
  local name
  look
  equal "$(value helper)" "$(cd "$INSTALLED" && for name in helper lib/*; do
    printf 'f %s root:root %s\n' "$([[ "$name" == helper ]] && echo 755 || echo 644)" "$name"
    printf '%s  ./%s\n' "$(sha256sum <"$name" | cut -d' ' -f1)" "$name"
  done | LC_ALL=C sort | sha256sum | cut -d' ' -f1)"
}

@test "an answer of a host with everything in it is complete and says nothing on stderr" {
  { file_row "$UNITS/shop.service" "$(app_unit 1111)" && unit_row shop.service; } | settle
  wants_text "$(app_unit 1111)"
  CALLS+=$'\n'"add_thing file $UNITS/shop.service 0644"$'\nadd_thing unit shop.service -'
  drop_in shop.service zz.conf '[Service]' ExecStart=
  step enable shop.service
  run --separate-stderr probe
  equal "$status$stderr" 0
  equal "${lines[-1]}" $'end\tyes'
}
