# Content arrives (`stage`), then all of it is put into place at once (`install`).
# shellcheck shell=bash

# stage PATH --key KEY < content: stored under its key, no effect; no lock, so that files arrive side by side.
verb_stage() {
  local staged="$SERVICE_DIR/stage/$KEY" new
  mkdir -p "$SERVICE_DIR/stage" || fail "$EXIT_FAILED" "cannot create $SERVICE_DIR/stage; is the disk full or read-only?"
  new="$(mktemp "$SERVICE_DIR/stage/.new.XXXXXX")" || fail "$EXIT_FAILED" "cannot write below $SERVICE_DIR; is the disk full or read-only?"
  cp "$INPUT" "$new" && sync "$new" || { rm -f "$new" && fail "$EXIT_FAILED" "cannot store $SUBJECT; is the disk full?"; }
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
    printf '%s\n' "$path" >>"$SERVICE_DIR/transaction/changed"
    sync "$SERVICE_DIR/transaction/changed"
    mkdir -p "$(dirname "$path")"
    put_file "$SERVICE_DIR/stage/$key" "$path" "$mode" "$owner"
    fault_point file
  done < <(manifest_rows "$1" file)
}

# remove_undesired MANIFEST: what the confirmed manifest has and the desired one hasn't.
remove_undesired() {
  local kind path
  [[ -f "$SERVICE_DIR/manifest" ]] || return 0
  while IFS=$'\037' read -r kind path _; do
    manifest_has "$1" "$kind" "$path" && continue
    case "$kind" in
      unit) retire_unit "$path" ;;
      file)
        printf '%s\n' "$path" >>"$SERVICE_DIR/transaction/changed"
        restore_file "$path"
        ;;
    esac
  done < <(grep -E '^(unit|file)' "$SERVICE_DIR/manifest" | tac | tr '\t' '\037')
}
