# What the host knows of its past: `scripts/report` reads it. All decisions are made there.
# shellcheck shell=bash

# The newest of each: events, check lines, lines of the log. About 20 MB before compression; a crash loop of a month has no more.
readonly JOURNAL_ROWS=300000

# systemd's own messages about units, by the ids of its catalog (sd-messages.h); texts differ between versions.
declare -rA UNIT_MESSAGES=(
  [7d4958e842da4a758f6c1cdc7b36dcc5]=starting
  [39f53479d3a045ac8e11786248231fbf]=started
  [de5b426a63be47a7b6ac3eaac82e2f6f]=stopping
  [9d1aaa27d60140bd96365438aad20286]=stopped
  [98e322203f7a4ed290d09fe03c09fe15]=exited
  [d9b373ed55a64feb8242e02dbe79a49c]=failed
  [7ad2d189f7e94e70a38c781354912448]=deactivated
  [be02cf6855d2428ba40df7e9d022f03d]=start-failed
  [5eb03494b6584870a536b337290809b3]=restart-scheduled
)

# journal SERVICE SECONDS: rows of tab-separated columns for scripts/lib/report/hostRecord.ts, since then (Unix time). Compressed
# and as base64: a month of checks is some megabytes otherwise.
verb_journal() {
  [[ -f "$SERVICE_DIR/manifest" ]] || fail "$EXIT_REFUSED" "nothing of $SERVICE is installed on this host"
  {
    tell_journal
    tell_boots
    tell_past_units
    tell_past_updates
    tell_past_holds
    unit_events | tail -n "$JOURNAL_ROWS"
    check_lines | tail -n "$JOURNAL_ROWS"
    log_lines
    echo end
  } | LC_ALL=C tr -d '\000-\010\013-\037\177' | gzip -c | base64 -w 65536
}

tell_journal() {
  local persistent=no
  [[ -e "$SERVICE_DIR/released" ]] || printf 'stack\t%s\n' "$(stack_of "$SERVICE_DIR/manifest")"
  ! has_persistent_journal || persistent=yes
  printf 'now\t%s\n' "$(date +%s%3N)"
  printf 'zone\t%s\n' "$(readlink -f /etc/localtime | sed -n 's#.*/zoneinfo/##p')"
  printf 'persistent\t%s\n' "$persistent"
}

# tell_boots: of each its id, and the first and last second, in UTC, that the journal has of it.
tell_boots() {
  local time='[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}'
  { TZ=UTC0 journalctl --quiet --no-pager --list-boots 2>/dev/null || true; } | sed -nE "s/^.* ([0-9a-f]{32}) .*($time).*($time).*/boot\t\1\t\2\t\3/p"
}

# past_units: those whose state is the service's: itself, its proxy, its tunnel.
past_units() { awk -F '\t' '$1 == "unit" && $7 ~ /^(service|proxy|tunnel)$/ { print $7 "\t" $2 }' "$SERVICE_DIR/manifest"; }

tell_past_units() {
  local role unit
  while IFS=$'\t' read -r role unit; do
    printf 'unit\t%s\t%s\t%s\n' "$role" "$unit" "$(unit_property "$unit" ActiveState)"
  done < <(past_units)
}

# tell_past_updates: when each began to install, and how each ended.
tell_past_updates() {
  { awk -F '\t' '$2 == "install" || $2 == "return" { print "install\t" $1 }' "$SERVICE_DIR/steps" 2>/dev/null || true; } | tail -n 1000
  awk -F '\t' '{ print "update\t" $1 "\t" $2 "\t" $7 }' "$SERVICE_DIR/history/log" 2>/dev/null || true
}

# tell_past_holds: the beginnings and ends of maintenance, and who holds it now.
tell_past_holds() {
  local owner
  sed 's/^/hold\t/' "$SERVICE_DIR/history/maintenance" 2>/dev/null || true
  for owner in "${OWNERS[@]}"; do
    [[ ! -e "$(hold_of "$owner")" ]] || printf 'held\t%s\t%s\n' "$owner" "$(hold_fields "$owner" | tr '\037' '\t')"
  done
}

# unit_events: what PID 1 said of these units, and of the host's shutdown. UNIT= alone could be anybody's; _PID= can't.
# A start that a condition forbade has the id of one that was done. Only the invocation tells: it has none, or the one that ended.
unit_events() {
  local unit id names='' matches=(UNIT=shutdown.target)
  while IFS=$'\t' read -r _ unit; do matches+=("UNIT=$unit"); done < <(past_units)
  for id in "${!UNIT_MESSAGES[@]}"; do
    matches+=("MESSAGE_ID=$id")
    names+="$id ${UNIT_MESSAGES[$id]} "
  done
  {
    journalctl --quiet --no-pager --since="@$SUBJECT" --output=export \
      --output-fields=MESSAGE_ID,UNIT,JOB_TYPE,EXIT_CODE,EXIT_STATUS,UNIT_RESULT,COMMAND,INVOCATION_ID \
      _PID=1 "${matches[@]}" 2>/dev/null || true
  } | awk -v names="$names" '
      BEGIN { n = split(names, word, " "); for (i = 1; i < n; i += 2) name[word[i]] = word[i + 1] }
      at = index($0, "=") { field[substr($0, 1, at - 1)] = substr($0, at + 1) }
      $0 == "" {
        unit = field["UNIT"]; kind = name[field["MESSAGE_ID"]]; invocation = field["INVOCATION_ID"]
        if (kind ~ /^(stopped|failed|deactivated)$/) ended[unit] = invocation
        # systemd 257 leaves in the result how the process had ended before. A start that lacks something fails as early.
        if (kind == "failed" && last[unit] == "restart-scheduled" && field["UNIT_RESULT"] != "resources") field["UNIT_RESULT"] = "start-limit-hit"
        last[unit] = kind
        if (kind == "started" && unit ~ /\.service$/ && (invocation == "" || invocation == ended[unit])) kind = "skipped"
        printf "event\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", field["__REALTIME_TIMESTAMP"], substr(field["_BOOT_ID"], 1, 6), unit, kind, \
          field["JOB_TYPE"], field["EXIT_CODE"], field["EXIT_STATUS"], field["UNIT_RESULT"], field["COMMAND"]
        split("", field)
      }'
}

# check_lines: what the timer's health checks said, each with the second of its own and the time that the journal knows.
check_lines() {
  { journalctl --quiet --no-pager --all --since="@$SUBJECT" --output=short-unix _SYSTEMD_UNIT="$SERVICE-health-check.service" 2>/dev/null || true; } |
    awk 'match($0, /\[[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9:]*\] /) { printf "check\t%s\t%s\n", $1, substr($0, RSTART) }'
}

# log_lines: of the health check's log, the rotated ones too, since one day before: its times are local.
log_lines() {
  local log file
  log="$(awk -F '\t' '$1 == "log" && $2 ~ /\/health-check\.log$/ { print $2 }' "$SERVICE_DIR/manifest")"
  [[ -n "$log" ]] || return 0
  # By their last change: the host's logrotate may number them or name them by date. No links: the directory may have been others'.
  { find "${log%/*}" -maxdepth 1 -type f -name "${log##*/}*" -printf '%T@\t%p\n' 2>/dev/null || true; } | sort -n | cut -f2- |
    while IFS= read -r file; do zcat -f -- "$file" 2>/dev/null || true && echo; done |
    awk -v since="[$(date -d "@$((SUBJECT - 86400))" '+%Y-%m-%d')" '/^\[....-..-.. ..:..:..\] / && $0 >= since { print "log\t" $0 }' | tail -n "$JOURNAL_ROWS"
}
