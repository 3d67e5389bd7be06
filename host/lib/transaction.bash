# An update is a transaction: opened by `install`, ended by `confirm`. In between its directory is there:
#
# SERVICE_DIR/transaction/: manifest (desired), revision, id, deadline (boot id and second of uptime), previous (units and
# files that were installed before, confirmed or not), snapshot/ (what was on the host), originals (the index before), process
# (the service's, before), changed (paths written), changes and note (for the history), reloaded, restarted, reason (of a rollback
# that has begun), renamed (the service's former name)
#
# The directory is complete before it gets its name, and the transaction ends by one rename of the manifest.
# shellcheck shell=bash

# uptime_sec: seconds since boot; no clock that somebody may set.
uptime_sec() {
  local up
  read -r up _ </proc/uptime
  echo "${up%%.*}"
}

# open_transaction MANIFEST: replaces one that was never confirmed. Each is counted, for the next one's id.
open_transaction() {
  local directory="$SERVICE_DIR/transaction" new="$SERVICE_DIR/transaction.new" old="$SERVICE_DIR/transaction.old"
  finish_swap
  rm -rf "$old" "$new"
  mkdir -m 0700 "$new" 2>/dev/null && write_transaction "$1" "$new" 2>/dev/null && sync "$new"/* ||
    fail "$EXIT_FAILED" "cannot write $new; is the disk full or read-only?"
  write_whole "$SERVICE_DIR/attempts" next_attempt
  fault_point open-transaction
  [[ ! -d "$directory" ]] || mv -T "$directory" "$old"
  fault_point swap-transaction
  mv -T "$new" "$directory"
  # shellcheck disable=SC2034 # read in helper
  IN_TRANSACTION=yes
  sync "$SERVICE_DIR"
  rm -rf "$old" "$SERVICE_DIR/rolled-back" "$(note_file)"
}

# next_attempt: the number of the update that is being opened.
next_attempt() { echo "$(($(cat "$SERVICE_DIR/attempts" 2>/dev/null || echo 0) + 1))"; }

# finish_swap: after a run that died between the two renames above.
finish_swap() { [[ -d "$SERVICE_DIR/transaction" || ! -d "$SERVICE_DIR/transaction.old" ]] || mv -T "$SERVICE_DIR/transaction.old" "$SERVICE_DIR/transaction"; }

# write_transaction MANIFEST DIRECTORY
write_transaction() {
  local open="$SERVICE_DIR/transaction" originals="$SERVICE_DIR/originals/index"
  cp "$1" "$2/manifest" && echo "$REVISION" >"$2/revision" && echo "$TRANSACTION" >"$2/id" && deadline "$1" >"$2/deadline" &&
    managed_rows >"$2/previous" && : >"$2/changed" && running_process "$1" >"$2/process" &&
    changes_between "$SERVICE_DIR/manifest" "$1" >"$2/changes" && note_of_update "$(next_attempt)" >"$2/note" || return 1
  take_snapshot "$1" "$2/snapshot" || return 1
  [[ -z "$FORMER" ]] || echo "$FORMER" >"$2/renamed" || return 1
  # Of a run that broke off, the originals' index from before it.
  if [[ -d "$open" ]]; then originals="$open/originals"; fi
  [[ ! -f "$originals" ]] || cp "$originals" "$2/originals" || return 1
  # What such a run wrote still waits for its daemon-reload.
  [[ ! -s "$open/changed" || -e "$open/reloaded" ]] || cat "$open/changed" >>"$2/changed"
}

# managed_rows: the units and files of every manifest that may be installed: the confirmed one's, and those of updates that
# were never confirmed.
managed_rows() {
  local file files=()
  for file in "$SERVICE_DIR"/{manifest,transaction/previous,transaction/manifest} "$(former_manifest)"; do
    [[ ! -f "$file" ]] || files+=("$file")
  done
  ((${#files[@]} == 0)) || awk -F '\t' '($1 == "unit" || $1 == "file") && !seen[$1, $2]++' "${files[@]}"
}

# running_process MANIFEST: the service's, before anything is reloaded: its invocation, then what it was started with. Of a run
# that broke off, if it's the same process: since then systemd may have loaded something else.
running_process() {
  local unit open="$SERVICE_DIR/transaction/process" invocation
  unit="$(service_unit_of "$1")"
  [[ -n "$unit" ]] || return 0
  invocation="$(unit_property "$unit" InvocationID)"
  if [[ -f "$open" && "$(head -n 1 "$open")" == "$invocation" ]]; then
    cat "$open"
  else
    printf '%s\n' "$invocation" && process_properties "$unit"
  fi
}

# unit_with_role MANIFEST ROLE
unit_with_role() { awk -F '\t' -v role="$2" '$1 == "unit" && $7 == role { print $2 }' "$1"; }

# service_unit_of MANIFEST
service_unit_of() { unit_with_role "$1" service; }

# managed_paths KIND
managed_paths() { managed_rows | awk -F '\t' -v kind="$1" '$1 == kind { print $2 }'; }

# deadline MANIFEST: until when the timer's health check leaves the field to the update, and the watch lets it live.
deadline() { deadline_in $(($(manifest_setting "$1" healthyWithinSec 30) + $(manifest_setting "$1" confirmWithinSec 60))); }

# deadline_in SECONDS
deadline_in() { printf '%s %s\n' "$(</proc/sys/kernel/random/boot_id)" "$(($(uptime_sec) + $1))"; }

# put_off_deadline: every step that arrives shows that the operator is still there.
put_off_deadline() { keep_deadline "$(deadline "$SERVICE_DIR/transaction/manifest")"; }

# leave_time_for_next: one that took longer than it was given leaves so much time for the next to begin.
leave_time_for_next() {
  local confirm
  confirm="$(setting confirmWithinSec 60)"
  [[ ! -d "$SERVICE_DIR/transaction" ]] || (($(seconds_left) >= confirm)) || keep_deadline "$(deadline_in "$confirm")"
}

# keep_deadline TEXT: steps run side by side. On a full disk the former one stays.
keep_deadline() {
  local file="$SERVICE_DIR/transaction/deadline"
  { printf '%s\n' "$1" >"$file.$$" && mv -fT "$file.$$" "$file"; } 2>/dev/null || true
}

# require_transaction: the later steps belong to the content which was installed. By its revision, not by the id: with drift
# off, steps that were there before keep their former id (docs/architecture.md).
require_transaction() {
  local open
  if [[ -d "$SERVICE_DIR/transaction" ]]; then
    open="$(<"$SERVICE_DIR/transaction/revision")"
  else
    open="$(manifest_confirmed "$SERVICE_DIR/manifest" 3)"
  fi
  [[ -n "$REVISION" ]] || fail "$EXIT_USAGE" "no revision arrived on stdin"
  ! is_rolled_back || fail "$EXIT_SUPERSEDED" "$(rolled_back 4); the reason was: $(rolled_back 5). Mend that, and run the update again (with drift: off or report once with PULUMI_SYSTEMD_HA_DRIFT=correct)"
  [[ "$open" == "$REVISION" ]] ||
    fail "$EXIT_SUPERSEDED" "revision ${open:-none} is installed on this host, not $REVISION: another update came in between; run the update again"
  [[ -d "$SERVICE_DIR/transaction" ]] || return 0
  # shellcheck disable=SC2034 # read in helper
  IN_TRANSACTION=yes
  # Of all these steps the failure is this update's.
  TRANSACTION="$(<"$SERVICE_DIR/transaction/id")"
  put_off_deadline
}

# current_manifest: of the open transaction, else the confirmed one.
current_manifest() {
  if [[ -f "$SERVICE_DIR/transaction/manifest" ]]; then
    echo "$SERVICE_DIR/transaction/manifest"
  else
    echo "$SERVICE_DIR/manifest"
  fi
}

# setting NAME [DEFAULT]
setting() { manifest_setting "$(current_manifest)" "$@"; }

# healthy_within_sec: how long a unit may take to run, and the layers to answer.
healthy_within_sec() { setting healthyWithinSec 30; }

# confirm: one rename makes the desired manifest the confirmed one.
verb_confirm() {
  lock_service
  require_transaction
  local directory="$SERVICE_DIR/transaction"
  if [[ ! -d "$directory" ]]; then
    rm -rf "$SERVICE_DIR/transaction.ended"
    sweep_stage
    say "already confirmed"
    return 0
  fi
  # Of a run that died after the rename there is only the tidying up left.
  is_confirmed "$directory" || write_whole "$SERVICE_DIR/manifest" confirmed_manifest "$directory"
  # shellcheck disable=SC2034 # read in helper
  IN_TRANSACTION=''
  fault_point confirm
  end_transaction
  say "confirmed revision $REVISION"
}

# end_transaction: of the one that is confirmed.
end_transaction() {
  forget_former
  write_whole "$SERVICE_DIR/originals/index" still_needed_originals
  keep_properties
  keep_configuration
  log_update confirmed ''
  settle_attempts
  remove_transaction
  rm -rf "$SERVICE_DIR/released"
  sweep_stage
}

# settle_attempts: nothing was tried since that Pulumi's state could take for done.
settle_attempts() { [[ ! -f "$SERVICE_DIR/attempts" ]] || write_whole "$SERVICE_DIR/settled" cat "$SERVICE_DIR/attempts"; }

# remove_transaction: renamed first: half removed, it would look like an open one. With what a run left that died as it was to
# replace it.
remove_transaction() {
  local ended="$SERVICE_DIR/transaction.ended"
  rm -rf "$ended" && mv -T "$SERVICE_DIR/transaction" "$ended"
  fault_point ended
  rm -rf "$ended" "$SERVICE_DIR"/transaction.{new,old}
}

# keep_properties: for the probe, which sees by them that systemd does otherwise.
keep_properties() {
  local unit
  rm -rf "$SERVICE_DIR/properties"
  mkdir -p "$SERVICE_DIR/properties" 2>/dev/null || true
  while IFS=$'\037' read -r _ unit _; do
    write_whole "$SERVICE_DIR/properties/$unit" effective_properties "$unit"
  done < <(manifest_rows "$SERVICE_DIR/manifest" unit)
}

is_confirmed() {
  [[ "$(manifest_confirmed "$SERVICE_DIR/manifest" 2) $(manifest_confirmed "$SERVICE_DIR/manifest" 3)" == "$(<"$1/id") $(<"$1/revision")" ]]
}

confirmed_manifest() {
  cat "$1/manifest" && printf 'confirmed\t%s\t%s\t%s\t%(%Y-%m-%dT%H:%M:%S%z)T%s\n' "$(cat "$1/id")" "$REVISION" "$(next_counter)" -1 \
    "$([[ "$(cut -f4 "$1/note" 2>/dev/null)" != return ]] || printf '\treturned')"
}

# sweep_stage: staged content that no manifest names any more, the confirmed one or one of the history, and what a stage that died left.
sweep_stage() {
  local staged named keys
  mapfile -t named < <(echo "$SERVICE_DIR/manifest" && kept_configurations)
  keys=" $(awk -F '\t' '$1 == "file" { printf "%s ", $7 }' "${named[@]}")" || return 0
  find "$SERVICE_DIR/stage" -name '.new.*' -mmin +60 -delete 2>/dev/null || true
  for staged in "$SERVICE_DIR"/stage/*; do
    [[ ! -e "$staged" || "$keys" == *" ${staged##*/} "* ]] || rm -f "$staged"
  done
}
