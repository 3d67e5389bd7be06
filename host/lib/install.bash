# Content arrives (`stage`), then all of it is put into place at once (`install`).
# shellcheck shell=bash

# stage PATH --revision ID < content: stored under its key, no effect; no lock, so that files arrive side by side.
# The key is the content's SHA-256; that of a secret, which it must not help to guess, arrives with it.
# The revision is kept for the probe: as long as nothing drifted, the next call is the same, and so there is nothing to do.
verb_stage() {
  local staged new
  [[ -n "$KEYED" ]] || read -r KEY _ < <(sha256sum <"$INPUT")
  [[ -n "$KEY" ]] || fail "$EXIT_USAGE" "no key arrived before the content of $SUBJECT"
  staged="$SERVICE_DIR/stage/$KEY"
  mkdir -p "$SERVICE_DIR/stage" 2>/dev/null && new="$(mktemp "$SERVICE_DIR/stage/.new.XXXXXX" 2>/dev/null)" ||
    fail "$EXIT_FAILED" "cannot write below $SERVICE_DIR; is the disk full or read-only?"
  cp "$INPUT" "$new" 2>/dev/null && sync "$new" || { rm -f "$new" && fail "$EXIT_FAILED" "cannot store $SUBJECT in $SERVICE_DIR/stage; is the disk full or read-only?"; }
  fault_point stage
  mv -fT "$new" "$staged"
  keep_revision "$SUBJECT" "$STAGE_REVISION"
  say "staged $SUBJECT"
}

# keep_revision PATH ID: in a file of its own, since stages run side by side.
keep_revision() {
  mkdir -p "$SERVICE_DIR/revisions" 2>/dev/null || true
  write_whole "$SERVICE_DIR/revisions/$(name_of "$1")" printf '%s\t%s\n' "$1" "$2"
}

# install < manifest: directories, logs and files as the manifest says; what is no longer in it goes.
verb_install() {
  lock_service
  lock_host
  set_corrupt_aside
  # shellcheck disable=SC2034 # read in rename.bash
  FORMER="$(former_name "$INPUT")"
  validate_manifest "$INPUT"
  refuse_other_stack "$INPUT"
  refuse_unsafe_directories "$INPUT"
  [[ "$(manifest_revision "$INPUT")" == "$REVISION" ]] || fail "$EXIT_USAGE" "the manifest isn't revision $REVISION; did it arrive whole?"
  check_places "$INPUT"
  validate_content "$INPUT"
  arm_rollback
  fault_point armed
  open_transaction "$INPUT"
  fault_point opened
  local manifest="$SERVICE_DIR/transaction/manifest"
  inherit_former
  keep_originals "$manifest"
  fault_point keep-originals
  arm_recovery "$manifest"
  install_directories "$manifest"
  undo_foreign "$manifest"
  fault_point undone
  install_files "$manifest"
  hold_as_configured "$manifest"
  remove_undesired "$manifest"
  enable_links "$manifest"
  fault_point installed
  say "installed revision $REVISION"
}

# refuse_other_stack MANIFEST: under the lock, since two first updates may come at once. `released` is an operator's word.
refuse_other_stack() {
  local file stack
  stack="$(stack_of "$1")"
  for file in "$SERVICE_DIR"/{manifest,transaction/manifest} "$(former_manifest)"; do
    [[ ! -s "$file" || -e "$SERVICE_DIR/released" || "$(stack_of "$file")" == "$stack" ]] ||
      fail "$EXIT_REFUSED" "$SERVICE on this host belongs to stack $(stack_of "$file"); remove it there first, or let $stack take it over: touch $SERVICE_DIR/released"
  done
}

# refuse_unsafe_directories MANIFEST: whose place somebody else could take with one of their own, where root runs a script.
refuse_unsafe_directories() {
  local path unsafe
  while IFS=$'\037' read -r _ path _; do
    # What lies in one of ours is as safe as that.
    ! manifest_has "$1" directory "${path%/*}" || continue
    unsafe="$(unsafe_ancestors "$path" | head -n 1)"
    [[ -z "$unsafe" ]] ||
      fail "$EXIT_REFUSED" "${unsafe%% *} above $path isn't root's alone, so its owner could run anything as root; put the application elsewhere, or give ${unsafe%% *} to root, and run the update again"
  done < <(manifest_rows "$1" directory)
}

# set_corrupt_aside: a confirmed manifest that isn't whole counts as none.
set_corrupt_aside() {
  local manifest="$SERVICE_DIR/manifest"
  if [[ -e "$manifest" ]] && ! is_whole "$manifest"; then
    keep_aside "$manifest"
    rm -rf "$manifest"
  fi
}

# check_places MANIFEST: before the first file is replaced, so that nothing stays half done.
check_places() {
  local path managed
  managed=$'\n'"$(managed_paths file)"$'\n'
  while IFS=$'\037' read -r _ path _; do
    [[ "$managed" == *$'\n'"$path"$'\n'* ]] || refuse_directory "$path"
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
    ! manifest_has "$SERVICE_DIR/transaction/previous" file "$path" || keep_foreign_edit "$path"
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
  # A check of the former service that the timer has started already would bring that back.
  for path in $(own_services); do manifest_has "$1" file "/etc/systemd/system/$path" || systemctl stop -- "$path" 2>/dev/null || true; done
  while IFS=$'\037' read -r _ path _; do
    manifest_has "$1" file "$path" && continue
    note_changed "$path"
    restore_file "$path"
  done < <(manifest_rows "$previous" file)
}
