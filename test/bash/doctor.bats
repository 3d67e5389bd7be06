#!/usr/bin/env bats
# The doctor's collector looks for what is wrong, in bounded time, and changes nothing.

load support/host

setup() {
  new_host
  mkdir -p "$APP/logs"
  : >"$APP/logs/health-check.log"
}

# bundle COMMAND: what src/remote/bundle.ts puts together, with the command in the place of its last line.
bundle() { cat "$ROOT"/host/lib/{observe,log}.bash "$ROOT"/host/probe/tell.bash "$ROOT"/host/doctor/{machine,units,urls,paths,databases,main}.bash && printf '%s\n' "$1"; }

# collector [COMMAND]: with the real curl.
collector() {
  PATH="$PROJECT/test/bash/support/stubs:/usr/sbin:/usr/bin:/sbin:/bin" bash -s -- service=shop unit=shop.service user="${OWNER%%:*}" group="${OWNER##*:}" directory="$APP" \
    executable=/bin/sh units="shop.service apache2.service" timer=shop-health-check.timer check_unit=shop-health-check.service \
    health_log="$APP/logs/health-check.log" error_log="$APP/logs/shop-error.log" service_logs="$APP/logs/shop.log" logs_by=systemd \
    app_url=http://127.0.0.1:1/ expect_text="${TEXT:-}" timeout_sec=2 < <(bundle "${1:-main \"\$@\"}" | sed "s#^ *curl #/usr/bin/curl #")
}
# look: asks it; row KEY [NAME]: the columns behind it, with `|` between.
look() { collector "$@" >"$ROOT/tmp/answer"; }
row() { awk -F '\t' -v key="$1" -v name="${2:-}" '$1 == key && (name == "" || $2 == name)' "$ROOT/tmp/answer" | cut -f2- | tr '\t' '|'; }
# ask COMMAND: one of its functions.
ask() { collector 'for argument in "$@"; do WANTED["${argument%%=*}"]="${argument#*=}"; done; SERVICE=shop STATE="'"$SERVICE_DIR"'"; '"$1" >"$ROOT/tmp/answer"; }

@test "the answer is lines of a key and values, and complete with its last" {
  run --separate-stderr collector
  equal "$status$stderr" 0
  equal "${lines[-1]}" $'end\tyes'
  equal "$(printf '%s\n' "${lines[@]}" | grep -cvE $'^[a-z_]+(\t[^\t]*)*$')" 0
}

@test "nothing on the host is changed" {
  local before
  picture() { find "$ROOT" -path "$ROOT/calls" -prune -o -printf '%p %i %T@ %C@ %s %m\n' | sort; }
  : >"$APP/logs/shop.log"
  forget_calls
  before="$(picture)"
  collector >/dev/null
  equal "$(picture)" "$before"
  equal "$(grep -cE '^systemctl (--[a-z-]+ )*(start|stop|restart|reload|kill|reset|enable|disable|daemon)' "$ROOT/calls")" 0
}

@test "what Apache says of its configuration is told only if that is broken, without what it always says" {
  look
  equal "$(row words configtest)" ""
  mkdir -p "$ROOT"/run/{apache2/socks,lock/apache2}
  printf '%s\n' "AH00558: no name" "AH00526: Syntax error on line 3 of x.conf:" "Invalid command" "Action 'configtest' failed." >"$ROOT/apache-complaint"
  look
  equal "$(row words configtest)" "configtest|AH00526: Syntax error on line 3 of x.conf:
configtest|Invalid command"
}

@test "where nothing listens, curl's code and words are told" {
  look
  [[ "$(row url app)" == "app|7|000|"*"|Failed to connect to 127.0.0.1 port 1"* ]]
}

@test "the expected text is looked for, and the whole answer is read" {
  TEXT="*not a pattern" ask 'printf "a\n*not a pattern\n" | has_text; yes | head -c 20000000 | has_text' || true
  equal "$(head -n 1 "$ROOT/tmp/answer")" "text 1"
  equal "$(tail -n 1 "$ROOT/tmp/answer")" "text 0"
}

@test "a log that can be written has nothing behind it; one that is none or is missing says why, a link is drift" {
  : >"$APP/logs/shop.log"
  look
  equal "$(row log "$APP/logs/shop.log")" "$APP/logs/shop.log|"
  rm "$APP/logs/shop.log" "$APP/logs/health-check.log"
  mkfifo "$APP/logs/health-check.log"
  look
  equal "$(row log "$APP/logs/shop.log")" "$APP/logs/shop.log|there is no such file"
  equal "$(row log "$APP/logs/health-check.log")" "$APP/logs/health-check.log|it's no regular file"
  [[ ! -e "$APP/logs/shop.log" ]]
  ln -sf /dev/null "$APP/logs/health-check.log"
  look
  equal "$(row log "$APP/logs/health-check.log")" "$APP/logs/health-check.log|"
}

@test "a program that can't be executed is told; one that isn't there is no question of permissions" {
  printf '#!/bin/sh\n' >"$APP/run"
  chmod 0644 "$APP/run"
  ask "WANTED[executable]='$APP/run'; tell_closed"
  # Elsewhere than in CI, what lies above isn't root's.
  equal "$(row closed)" "$APP/run|execute|$OWNER 0644|$( ((EUID)) || echo fixed)"
  # Anybody could put a link there.
  mkdir "$APP/open"
  mv "$APP/run" "$APP/open/run"
  chmod 0777 "$APP/open"
  ask "WANTED[executable]='$APP/open/run'; tell_closed"
  equal "$(row closed)" "$APP/open/run|execute|$OWNER 0644|"
  mv "$APP/open/run" "$APP/run"
  printf '#!/opt/gone/python3 -I\n' >"$APP/run"
  chmod 0755 "$APP/run"
  ask "WANTED[executable]='$APP/run'; tell_closed"
  equal "$(row closed)$(row interpreter)" "/opt/gone/python3"
  ask "WANTED[executable]='$APP/gone'; tell_closed"
  equal "$(row closed)" ""
  ask "WANTED[directory]='$APP/gone'; tell_closed"
  equal "$(row closed)" ""
}

@test "an old error log isn't quoted, a fresh one is, without control characters and secrets" {
  mkdir -p "$ROOT/etc/pulumi-systemd-ha"
  printf 'TOKEN="hunter2-and-more"\n' >"$ROOT/etc/pulumi-systemd-ha/shop.env"
  printf 'fatal: \033[2Jno hunter2-and-more\n' >"$APP/logs/shop-error.log"
  look
  equal "$(row words "$APP/logs/shop-error.log")" "$APP/logs/shop-error.log|fatal: [2Jno [masked]"
  touch -d '2 hours ago' "$APP/logs/shop-error.log"
  look
  equal "$(row words "$APP/logs/shop-error.log")" ""
}

@test "what a former process said isn't quoted: only what came since the last start" {
  printf 'SyntaxError: invalid syntax\n' >"$APP/logs/shop-error.log"
  touch -d '10 minutes ago' "$APP/logs/shop-error.log"
  local started=$((EPOCHSECONDS - 60))
  set_unit shop.service ExecMainStartTimestamp="@$started"
  look
  equal "$(row words "$APP/logs/shop-error.log")" ""
  has "$(calls journalctl)" "--unit=shop.service --since=@$started"
  set_unit shop.service ExecMainStartTimestamp="@$((EPOCHSECONDS - 3000))"
  look
  equal "$(row words "$APP/logs/shop-error.log")" "$APP/logs/shop-error.log|SyntaxError: invalid syntax"
}

@test "when the health check repaired what, and a drill, are told" {
  mkdir -p "$SERVICE_DIR"
  printf '1000\n2000\n' >"$SERVICE_DIR/repairs.shop.service"
  echo 3000 >"$SERVICE_DIR/drill"
  printf 'no number\n' >"$SERVICE_DIR/repairs.apache2.service"
  look
  equal "$(row repairs)" "shop.service|1000 2000"
  equal "$(row drill)" 3000
}

@test "databases are found with the size of their -wal, and who has them open" {
  local file="$APP/data/shop.sqlite3"
  mkdir "$APP/data"
  : >"$file"
  printf 12345 >"$file-wal"
  exec 8<"$file-wal"
  look
  exec 8<&-
  [[ "$(row database)" == "$file|5|"* ]]
  equal "$(row holder | awk -F '|' -v pid="$$" '$2 == pid' | cut -d '|' -f1,2)" "$file|$$"
}

@test "locks: only for writing, where SQLite has them, and of these files" {
  local file="$APP/shop.db" inode shm
  : >"$file"
  : >"$file-shm"
  inode="$(stat -c %i "$file")" shm="$(stat -c %i "$file-shm")"
  cat >"$ROOT/tmp/locks" <<LOCKS
1: POSIX  ADVISORY  WRITE 101 fe:01:$inode 1073741825 1073741825
2: POSIX  ADVISORY  READ 102 fe:01:$inode 1073741826 1073742335
3: POSIX  ADVISORY  WRITE 103 fe:01:$shm 120 120
4: POSIX  ADVISORY  WRITE 104 fe:01:$shm 124 124
5: POSIX  ADVISORY  WRITE 105 fe:01:1$inode 0 EOF
6: FLOCK  ADVISORY  WRITE 106 fe:01:$inode 0 EOF
LOCKS
  sed -i "s#- /proc/locks#- $ROOT/tmp/locks#" "$ROOT/host/doctor/databases.bash"
  ask "locks_of '$file'"
  equal "$(cut -f2 "$ROOT/tmp/answer" | xargs)" "101 103"
}
