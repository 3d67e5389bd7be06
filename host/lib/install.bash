# Content arrives (`stage`), then all of it is put into place at once (`install`).
# shellcheck shell=bash

# stage PATH --key KEY < content: stored under its key, no effect; no lock, so that files arrive side by side.
verb_stage() {
  local staged="$SERVICE_DIR/stage/$KEY" new
  mkdir -p "$SERVICE_DIR/stage" 2>/dev/null && new="$(mktemp "$SERVICE_DIR/stage/.new.XXXXXX" 2>/dev/null)" ||
    fail "$EXIT_FAILED" "cannot write below $SERVICE_DIR; is the disk full or read-only?"
  cp "$INPUT" "$new" 2>/dev/null && sync "$new" || { rm -f "$new" && fail "$EXIT_FAILED" "cannot store $SUBJECT; is the disk full?"; }
  fault_point stage
  mv -fT "$new" "$staged"
  say "staged $SUBJECT"
}

# install < manifest: directories, logs and files as the manifest says; what is no longer in it goes.
verb_install() {
  lock_service
  lock_host
  validate_manifest "$INPUT"
  [[ "$(manifest_revision "$INPUT")" == "$REVISION" ]] || fail "$EXIT_USAGE" "the manifest isn't revision $REVISION; did it arrive whole?"
  check_places "$INPUT"
  keep_originals "$INPUT"
  fault_point keep-originals
  open_transaction "$INPUT"
  fault_point opened
  local manifest="$SERVICE_DIR/transaction/manifest"
  install_directories "$manifest"
  install_files "$manifest"
  remove_undesired "$manifest"
  fault_point installed
  say "installed revision $REVISION"
}

# check_places MANIFEST: before the first file is replaced, so that nothing stays half done.
check_places() {
  local path
  while IFS=$'\037' read -r _ path _; do
    refuse_directory "$path"
  done < <(manifest_rows "$1" file)
}

install_directories() {
  local path mode owner
  while IFS=$'\037' read -r _ path _ mode owner _; do
    put_directory "$path" "$mode" "$owner"
  done < <(manifest_rows "$1" directory)
  fault_point directories
  while IFS=$'\037' read -r _ path _ mode owner _; do
    put_log "$path" "$mode" "$owner"
  done < <(manifest_rows "$1" log)
}

install_files() {
  local path mode owner key
  while IFS=$'\037' read -r _ path _ mode owner _ key _; do
    is_in_place "$SERVICE_DIR/stage/$key" "$path" "$mode" "$owner" && continue
    # Before the rename: a run that dies in between must not forget the daemon-reload.
    note_changed "$path"
    mkdir -p "$(dirname "$path")" 2>/dev/null || fail "$EXIT_FAILED" "cannot create $(dirname "$path"); is the disk full or read-only?"
    put_file "$SERVICE_DIR/stage/$key" "$path" "$mode" "$owner"
    fault_point file
  done < <(manifest_rows "$1" file)
}

note_changed() {
  { printf '%s\n' "$1" >>"$SERVICE_DIR/transaction/changed"; } 2>/dev/null && sync "$SERVICE_DIR/transaction/changed" ||
    fail "$EXIT_FAILED" "cannot write $SERVICE_DIR/transaction; is the disk full or read-only?"
}

# remove_undesired MANIFEST: what was installed before, confirmed or not, and the desired one hasn't. The timer, which comes
# last in a manifest, goes first: it would repair what is being taken away.
remove_undesired() {
  local path previous="$SERVICE_DIR/transaction/previous"
  while IFS=$'\037' read -r _ path _; do
    manifest_has "$1" unit "$path" || retire_unit "$path"
  done < <(manifest_rows "$previous" unit | tac)
  while IFS=$'\037' read -r _ path _; do
    manifest_has "$1" file "$path" && continue
    note_changed "$path"
    restore_file "$path"
  done < <(manifest_rows "$previous" file)
}
