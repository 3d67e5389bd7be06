# What was confirmed here and what became of every update: `scripts/history` and `scripts/rollback` read it.
#
# SERVICE_DIR/history/: log (a line an update that ended, the newest last) and of each of the last configurations the manifest as
# it was confirmed last, under its revision. Their content stays staged.
#
# The log's columns: time, revision, update id, stack, user, commit, result (confirmed, returned, rolled-back), what changed
# (~ changed, + added, - removed, = put back where it had drifted; with blanks between), reason of a rollback, number of the
# update on this host.
# shellcheck shell=bash

# Of the log; and where a manifest doesn't say how many former configurations stay.
readonly HISTORY_LINES=200 HISTORY_KEEP=5

# note_file: who updates this service, and from which commit; the probe of a real update leaves it, and `install` takes it.
note_file() { echo "/run/pulumi-systemd-ha.note-$SERVICE"; }

# note_of_update NUMBER: for the transaction: number, user, commit, how it came. NOTE is that of `return`.
note_of_update() {
  local user='' commit='' how=update
  [[ "$VERB" != return ]] || how='return'
  IFS=$'\t' read -r user commit <<<"${NOTE:-$(cat "$(note_file)" 2>/dev/null)}" || true
  printf '%s\t%s\t%s\t%s\n' "$1" "$(plain_word "$user")" "$(plain_word "$commit")" "$how"
}

# plain_word TEXT: printable, short, without blanks; `-` for nothing.
plain_word() {
  local word="${1//[^[:graph:]]/}"
  word="${word:0:64}"
  printf '%s' "${word:--}"
}

# changes_between MANIFEST MANIFEST: the paths and names whose rows differ, in the second one's order.
changes_between() {
  local before="$1"
  [[ -f "$before" ]] || before=/dev/null
  awk -F '\t' -v before="$before" '
    FILENAME == before { if (FNR > 1 && $1 != "confirmed") { known[$1, $2] = $0; path[$1, $2] = $2 }; next }
    FNR > 1 && !(($1, $2) in known) { printf "+%s ", $2 }
    FNR > 1 && ($1, $2) in known && known[$1, $2] != $0 { printf "~%s ", $2 }
    { seen[$1, $2] }
    END { for (row in known) if (!(row in seen)) printf "-%s ", path[row] }' "$before" "$2" | cut -c1-2000
}

# log_update RESULT REASON: of the open transaction, once; before its directory goes.
log_update() {
  local directory="$SERVICE_DIR/transaction" log="$SERVICE_DIR/history/log" number user commit how changes
  IFS=$'\t' read -r number user commit how 2>/dev/null <"$directory/note" || return 0
  ! is_logged "$log" "$(<"$directory/id")" "$number" || return 0
  changes="$(cat "$directory/changes" 2>/dev/null)"
  [[ -n "$changes" ]] || changes="$(sort -u "$directory/changed" | sed 's/^/=/' | tr '\n' ' ' | cut -c1-2000)"
  [[ "$1 $how" != "confirmed return" ]] || set -- returned "$2"
  add_line "$log" "$(<"$directory/revision")" "$(<"$directory/id")" "$(stack_of "$directory/manifest")" "$user" "$commit" "$1" \
    "${changes:--}" "$(one_line "$2")" "$number"
  fault_point logged
}

# add_line LOG COLUMN...: the time and these; the oldest lines go. It isn't worth a failure, nor half a line: a full disk must not keep
# a rollback from its end.
add_line() {
  local log="$1" line
  shift
  printf -v line '\t%s' "$@"
  {
    install -d -m 0700 "${log%/*}" && { tail -n "$((HISTORY_LINES - 1))" "$log" || true; } >"$log.new" &&
      printf '%(%Y-%m-%dT%H:%M:%S%z)T%s\n' -1 "$line" >>"$log.new" && sync "$log.new" && mv -fT "$log.new" "$log"
  } 2>/dev/null || true
}

# is_logged LOG ID NUMBER
is_logged() { awk -F '\t' -v id="$2" -v number="$3" '$3 == id && $10 == number { found = 1 } END { exit !found }' "$1" 2>/dev/null; }

one_line() {
  local text="${1//[[:cntrl:]]/ }"
  text="${text:0:400}"
  printf '%s' "${text:--}"
}

# keep_configuration: the confirmed one, and as many former ones as it says.
keep_configuration() {
  local manifest="$SERVICE_DIR/manifest" keep file
  install -d -m 0700 "$SERVICE_DIR/history" 2>/dev/null || true
  write_whole "$SERVICE_DIR/history/$(manifest_confirmed "$manifest" 3)" cat "$manifest"
  fault_point kept
  keep="$(manifest_setting "$manifest" historyKeep "$HISTORY_KEEP")"
  kept_configurations | tail -n +"$((keep + 2))" | while IFS= read -r file; do rm -f "$file"; done
}

# kept_configurations: their manifests, that of the newest confirmation first.
kept_configurations() {
  local file
  for file in "$SERVICE_DIR"/history/*; do
    [[ ! "${file##*/}" =~ ^[0-9a-f]{16}$ ]] || printf '%s\t%s\n' "$(manifest_confirmed "$file" 4)" "$file"
  done | sort -k1,1nr | cut -f2
}

# next_counter: one more than any confirmation here had; the confirmed manifest may have been lost meanwhile.
next_counter() {
  cat "$SERVICE_DIR/manifest" "$SERVICE_DIR"/history/* 2>/dev/null | awk -F '\t' '$1 == "confirmed" && $4 > highest { highest = $4 } END { print highest + 1 }'
}

# history: rows for scripts/history.
verb_history() {
  local manifest="$SERVICE_DIR/manifest" file
  if [[ -f "$manifest" ]] && is_whole "$manifest"; then
    printf 'current\t%s\t%s\n' "$(stack_of "$manifest")" "$(awk -F '\t' '$1 == "confirmed" { print $3 "\t" $2 "\t" $5 "\t" $6 }' "$manifest")"
  fi
  [[ ! -d "$SERVICE_DIR/transaction" ]] || printf 'open\t%s\n' "$(cat "$SERVICE_DIR/transaction/revision" 2>/dev/null)"
  [[ ! -e "$SERVICE_DIR/released" ]] || echo released
  while IFS= read -r file; do
    printf 'kept\t%s\t%s\n' "${file##*/}" "$(stack_of "$file")"
  done < <(kept_configurations)
  sed 's/^/update\t/' "$SERVICE_DIR/history/log" 2>/dev/null || true
}
