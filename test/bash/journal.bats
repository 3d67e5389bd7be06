#!/usr/bin/env bats
# What a host tells of its past: systemd's messages, the health check's lines, boots, updates, maintenance.

load support/host

setup() {
  new_host
  # By what it's asked for: $ROOT/{boots,events,lines}.
  mkdir "$ROOT/bin"
  cat >"$ROOT/bin/journalctl" <<'END'
#!/bin/bash
printf 'journalctl %s\n' "$*" >>"$ROOT/calls"
case "$*" in
  *--list-boots*) cat "$ROOT/boots" ;;
  *--output=export*) cat "$ROOT/events" ;;
  *--output=short-unix*) cat "$ROOT/lines" ;;
esac 2>/dev/null
END
  chmod 0755 "$ROOT/bin/journalctl"
  PATH="$ROOT/bin:$PATH"
  LOG="$APP/logs/health-check.log"
  mkdir "$APP/logs"
  { unit_row shop.service && unit_row apache2.service proxy host && unit_row shop-health-check.timer timer && log_row "$LOG"; } | settle
  : >"$ROOT/calls"
}

# past [SECONDS]: since then.
past() { helper journal shop "${1:-0}" </dev/null | base64 -d | gunzip; }
rows() { past "${2:-0}" | grep -a "^$1"$'\t' | cut -f2-; }

# entry USEC UNIT MESSAGE_ID [FIELD=VALUE...]: one of systemd's, as `--output=export` prints it.
entry() {
  printf '__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=%s\n_BOOT_ID=aaaaaabbbbbbbbbbbbbbbbbbbbbbbbbb\nUNIT=%s\nMESSAGE_ID=%s\n' "$1" "$2" "$3"
  shift 3
  (($# == 0)) || printf '%s\n' "$@"
  echo
}
readonly STARTED=39f53479d3a045ac8e11786248231fbf STOPPED=9d1aaa27d60140bd96365438aad20286
readonly EXITED=98e322203f7a4ed290d09fe03c09fe15

@test "systemd's messages become rows by their ids, and only its own are asked for" {
  {
    entry 1000001 shop.service "$EXITED" EXIT_CODE=killed EXIT_STATUS=9 COMMAND=ExecStart INVOCATION_ID=one
    entry 2000002 shop.service d9b373ed55a64feb8242e02dbe79a49c UNIT_RESULT=signal INVOCATION_ID=one
    entry 3000003 shop.service "$STARTED" JOB_TYPE=start INVOCATION_ID=two
  } >"$ROOT/events"
  equal "$(rows event | tr '\t' '|')" "1000001|aaaaaa|shop.service|exited||killed|9||ExecStart
2000002|aaaaaa|shop.service|failed||||signal|
3000003|aaaaaa|shop.service|started|start||||"
  local call
  call="$(calls 'output=export' | tail -n 1)"
  has "$call" " _PID=1 UNIT=shutdown.target UNIT=shop.service UNIT=apache2.service MESSAGE_ID="
  has "$call" "--since=@0 "
  [[ "$call" != *timer* ]]
}

@test "a start that the limit refused is told so, also where systemd keeps how the process had ended" {
  {
    entry 1 shop.service d9b373ed55a64feb8242e02dbe79a49c UNIT_RESULT=signal INVOCATION_ID=one
    entry 2 shop.service 5eb03494b6584870a536b337290809b3
    entry 3 shop.service d9b373ed55a64feb8242e02dbe79a49c UNIT_RESULT=signal INVOCATION_ID=one
    entry 4 apache2.service d9b373ed55a64feb8242e02dbe79a49c UNIT_RESULT=signal
  } >"$ROOT/events"
  equal "$(rows event | cut -f4,8 | xargs)" "failed signal restart-scheduled failed start-limit-hit failed signal"
}

@test "a start that lacks something, such as its environment file, hasn't reached a limit" {
  {
    entry 1 shop.service 5eb03494b6584870a536b337290809b3
    entry 2 shop.service d9b373ed55a64feb8242e02dbe79a49c UNIT_RESULT=resources
  } >"$ROOT/events"
  equal "$(rows event | cut -f4,8 | xargs)" "restart-scheduled failed resources"
}

@test "a start that a condition forbade is none, though systemd gives it the same id" {
  {
    entry 1 shop.service "$STOPPED" JOB_TYPE=stop INVOCATION_ID=one
    entry 2 shop.service "$STARTED" JOB_TYPE=start INVOCATION_ID=one
    entry 3 apache2.service "$STARTED" JOB_TYPE=start
    entry 4 shutdown.target "$STARTED" JOB_TYPE=start
    entry 5 shop.service "$STARTED" JOB_TYPE=start INVOCATION_ID=two
  } >"$ROOT/events"
  equal "$(rows event | cut -f1,4 | xargs)" "1 stopped 2 skipped 3 skipped 4 started 5 started"
}

@test "boots, whichever systemd prints them" {
  {
    printf -- '-1 b3f885ffbf5240e59877131d593a7ce0 Tue 2026-11-24 22:31:53 UTC Tue 2026-11-24 22:33:14 UTC\n'
    printf ' 0 7319574b116f4410962926f9dd2b17b3 Tue 2026-11-24 22:33:15 UTC—Tue 2026-11-24 22:36:11 UTC\n'
    printf 'IDX BOOT ID FIRST ENTRY LAST ENTRY\n'
  } >"$ROOT/boots"
  equal "$(rows boot | tr '\t' '|')" "b3f885ffbf5240e59877131d593a7ce0|2026-11-24 22:31:53|2026-11-24 22:33:14
7319574b116f4410962926f9dd2b17b3|2026-11-24 22:33:15|2026-11-24 22:36:11"
}

@test "the health check's lines from the journal, with its time" {
  {
    echo "1795559584.688666 web1 health-check.sh[2211]: [2026-11-24 22:33:04] === Starting Health Check ==="
    echo "1795559585.000000 web1 health-check.sh[2211]: something else"
    printf '1795559586.000000 web1 x[1]: [2026-11-24 22:33:06] ERROR: \e[31m\xff\n'
  } >"$ROOT/lines"
  equal "$(rows check)" "1795559584.688666	[2026-11-24 22:33:04] === Starting Health Check ===
1795559586.000000	[2026-11-24 22:33:06] ERROR: [31m"$'\xff'
  has "$(calls short-unix)" "_SYSTEMD_UNIT=shop-health-check.service"
}

@test "the log with its rotated files, the oldest first, numbered or dated, and no link" {
  printf '[2026-01-20 10:00:00] a\n' | gzip >"$LOG.3.gz"
  printf '[2026-01-21 10:00:00] b\n' | gzip >"$LOG-20260121.gz"
  printf '[2026-01-22 10:00:00] c\nno line\n' >"$LOG.1"
  printf '[2026-01-23 10:00:00] d' >"$LOG"
  touch -d 2026-01-20 "$LOG.3.gz" && touch -d 2026-01-21 "$LOG-20260121.gz" && touch -d 2026-01-22 "$LOG.1"
  printf '[2026-01-23 11:00:00] secret\n' >"$ROOT/secret"
  ln -s "$ROOT/secret" "$LOG.9"
  printf '[2026-01-24 10:00:00] damaged' | gzip | head -c 20 >"$LOG.2.gz"
  equal "$(rows log)" "[2026-01-20 10:00:00] a
[2026-01-21 10:00:00] b
[2026-01-22 10:00:00] c
[2026-01-23 10:00:00] d"
  equal "$(rows log "$(date -d '2026-01-23 12:00:00' +%s)")" "[2026-01-22 10:00:00] c
[2026-01-23 10:00:00] d"
}

@test "of too much it tells the newest, and it always has an end" {
  sed -i 's/JOURNAL_ROWS=[0-9]*/JOURNAL_ROWS=3/' "$ROOT/host/lib/journal.bash"
  for n in {1..9}; do entry "$n" shop.service "$STARTED" "INVOCATION_ID=$n"; done >"$ROOT/events"
  equal "$(rows event | cut -f1 | xargs)" "7 8 9"
  equal "$(past | tail -n 1)" end
}

@test "the beginning and the end of maintenance are written down, once each" {
  printf 'by bob@desk\nreason a new disk\n' | helper maintenance shop on
  printf 'by eve\n' | helper maintenance shop on
  equal "$(rows held | cut -f1,3-)" "operator	eve	"
  equal "$(rows hold | cut -f2-)" "begin	operator	bob@desk	a new disk"
  printf '#!/bin/bash\n' >"$ROOT/check" && chmod 0755 "$ROOT/check"
  helper maintenance shop off </dev/null
  equal "$(rows held)" ""
  equal "$(rows hold | cut -f2-)" "begin	operator	bob@desk	a new disk
end	operator	"
  [[ "$(rows hold | cut -f1 | tail -n 1)" =~ ^20[0-9-]+T[0-9:]+[+-][0-9]{4}$ ]]
}

@test "units, updates, whose it is, and nothing of it changes the host" {
  equal "$(rows unit | cut -f1,2 | xargs)" "service shop.service proxy apache2.service"
  equal "$(rows stack)" test/stack
  equal "$(rows update | cut -f3)" confirmed
  [[ "$(rows install | wc -l)" == 1 ]]
  local before
  before="$(find "$STATE_DIR" -type f -exec sha256sum {} + | sort)"
  past >/dev/null
  equal "$(find "$STATE_DIR" -type f -exec sha256sum {} + | sort)" "$before"
}

@test "where nothing is installed it's refused, and so is what is no time" {
  rm -r "$SERVICE_DIR"
  fails 4 helper journal shop 0
  equal "$stderr" "nothing of shop is installed on this host"
  run helper journal shop yesterday </dev/null
  equal "$status" 2
}
