#!/usr/bin/env bats
# The probe looks at a host and changes nothing.

load support/host

setup() { new_host; }
teardown() {
  [[ -z "${LISTENER:-}" ]] || kill "$LISTENER" 2>/dev/null || true
  umount "$ROOT/etc/logrotate.d" 2>/dev/null || true
}

# probe [NAME=VALUE...]: as the first contact sends it.
probe() {
  bash -s -- service=shop user="${OWNER%%:*}" group="${OWNER##*:}" directory="$APP" executable=/bin/sh port=1 unit=shop.service \
    host_units="apache2.service cloudflared.service" proxy_unit=apache2.service proxy_port=1 "$@" <"$ROOT/host/probe"
}
# look [NAME=VALUE...]: asks it; value KEY: what it said, a line each.
look() { probe "$@" >"$ROOT/tmp/answer"; }
value() { awk -F '\t' -v key="$1" '$1 == key { print $2 }' "$ROOT/tmp/answer"; }

@test "the answer is lines of a key and a value, and complete with its last" {
  run --separate-stderr probe
  equal "$status$stderr" 0
  equal "${lines[-1]}" $'end\tyes'
  equal "$(printf '%s\n' "${lines[@]}" | grep -cvE $'^[a-z_]+(:[a-z0-9.]+)?\t[^\t]*$')" 0
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
  equal "$(calls . | grep -vE 'show|--version')" ""
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
  equal "$(value port_listener)" "node $(tr '\n' ' ' <"/proc/$LISTENER/cgroup")"
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
  printf 'loaded\nend\tyes\033[31m\n' >"$ROOT/systemd/apache2.service/LoadState"
  look
  equal "$(value unit_load_state:apache2.service)" "loaded end yes [31m"
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

@test "an unmanaged host has nothing confirmed and nothing open" {
  look
  equal "$(grep -cE '^(confirmed|open)' "$ROOT/tmp/answer")" 0
}

@test "a confirmed configuration is told with id, revision and counter" {
  unit_row shop.service | settle
  look
  equal "$(value confirmed_transaction) $(value confirmed_revision) $(value confirmed_counter)" "aaaa $(revision) 1"
  equal "$(value open_transaction)" ""
}

@test "an open update is told with its revision, and differs after every attempt" {
  unit_row shop.service | manifest
  install_manifest
  local first
  look
  first="$(value open_transaction)"
  has "$first" "$(revision) "
  look
  equal "$(value open_transaction)" "$first"
  install_manifest
  look
  [[ "$(value open_transaction)" != "$first" ]]
}

@test "an update that is only being opened isn't open yet" {
  unit_row shop.service | manifest
  install_manifest
  mv "$SERVICE_DIR/transaction" "$SERVICE_DIR/transaction.new"
  look
  equal "$(value open_transaction)" ""
}

@test "a corrupt manifest counts as none, and half a state directory gives a whole answer" {
  mkdir -p "$SERVICE_DIR/transaction"
  printf 'garbage\0\tconfirmed\n' >"$SERVICE_DIR/manifest"
  run --separate-stderr probe
  equal "$stderr" ""
  equal "${lines[-1]}" $'end\tyes'
  equal "$(printf '%s\n' "${lines[@]}" | grep -c '^confirmed')" 0
}
