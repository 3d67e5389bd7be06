# An update is a transaction: opened by `install`, ended by `confirm`. In between its directory is there:
#
# SERVICE_DIR/transaction/: manifest (desired), revision, id, deadline (boot id and second of uptime), changed (paths written), reloaded
#
# The directory is complete before it gets its name, and the transaction ends by one rename of the manifest.
# shellcheck shell=bash

# uptime_sec: seconds since boot; no clock that somebody may set.
uptime_sec() {
  local up
  read -r up _ </proc/uptime
  echo "${up%%.*}"
}

# open_transaction MANIFEST: replaces one that was never confirmed.
open_transaction() {
  local directory="$SERVICE_DIR/transaction" new="$SERVICE_DIR/transaction.new"
  rm -rf "$new"
  mkdir -m 0700 "$new" || fail "$EXIT_FAILED" "cannot create $new; is the disk full or read-only?"
  cp "$1" "$new/manifest" && echo "$REVISION" >"$new/revision" && echo "$TRANSACTION" >"$new/id" && deadline >"$new/deadline" && : >"$new/changed" ||
    fail "$EXIT_FAILED" "cannot write $new; is the disk full or read-only?"
  # Of a run that broke off: what it wrote still waits for its daemon-reload.
  if [[ -s "$directory/changed" && ! -e "$directory/reloaded" ]]; then cat "$directory/changed" >>"$new/changed"; fi
  sync "$new"/*
  fault_point open-transaction
  rm -rf "$directory"
  mv -T "$new" "$directory"
  sync "$SERVICE_DIR"
}

# deadline: until when the timer's health check leaves the field to the update.
deadline() { printf '%s %s\n' "$(cat /proc/sys/kernel/random/boot_id)" "$(($(uptime_sec) + WITHIN_SEC))"; }

# require_transaction: the later steps belong to the content which was installed. By its revision, not by the id: with drift
# off, steps that were there before keep their former id (docs/architecture.md).
require_transaction() {
  local open
  if [[ -d "$SERVICE_DIR/transaction" ]]; then
    open="$(cat "$SERVICE_DIR/transaction/revision")"
  else
    open="$(manifest_confirmed "$SERVICE_DIR/manifest" 3)"
  fi
  [[ "$open" == "$REVISION" ]] ||
    fail "$EXIT_SUPERSEDED" "revision ${open:-none} is installed on this host, not $REVISION: another update came in between; run the update again"
}

# current_manifest: of the open transaction, else the confirmed one.
current_manifest() {
  if [[ -f "$SERVICE_DIR/transaction/manifest" ]]; then
    echo "$SERVICE_DIR/transaction/manifest"
  else
    echo "$SERVICE_DIR/manifest"
  fi
}

# confirm: one rename makes the desired manifest the confirmed one.
verb_confirm() {
  lock_service
  require_transaction
  local directory="$SERVICE_DIR/transaction" counter
  if [[ ! -d "$directory" ]]; then
    say "already confirmed"
    return 0
  fi
  counter="$(manifest_confirmed "$SERVICE_DIR/manifest" 4)"
  {
    cat "$directory/manifest"
    printf 'confirmed\t%s\t%s\t%s\t%(%Y-%m-%dT%H:%M:%S%z)T\n' "$(cat "$directory/id")" "$REVISION" "$((${counter:-0} + 1))" -1
  } | write_whole "$SERVICE_DIR/manifest"
  fault_point confirm
  rm -rf "$directory"
  sweep_stage
  say "confirmed revision $REVISION"
}

# sweep_stage: staged content that no manifest names any more.
sweep_stage() {
  local staged
  for staged in "$SERVICE_DIR"/stage/*; do
    [[ -e "$staged" ]] || continue
    awk -F '\t' -v key="${staged##*/}" '$1 == "file" && $7 == key { found = 1 } END { exit !found }' "$SERVICE_DIR/manifest" || rm -f "$staged"
  done
}
