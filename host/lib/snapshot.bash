# What was on the host just before an update, kept in the open transaction: what a rollback puts back.
# shellcheck shell=bash

# take_snapshot MANIFEST DIRECTORY: of everything that the update may touch. Of one that was never confirmed, its snapshot is
# taken over: what that update left half done is nothing to go back to.
take_snapshot() {
  local manifest="$1" directory="$2" open="$SERVICE_DIR/transaction/snapshot" kind path
  if [[ -f "$open/index" ]]; then cp --archive -T "$open" "$directory"; else mkdir -m 0700 "$directory"; fi || return 1
  touch "$directory/index" || return 1
  while IFS=$'\037' read -r kind path; do
    manifest_has "$directory/index" "$kind" "$path" || snapshot_of "$directory" "$kind" "$path" >>"$directory/index" || return 1
  done < <(what_may_change "$manifest")
  # The contents are already; and a link, such as that of a mask, can't be.
  sync "$directory/index" "$directory"
}

# snapshot_of DIRECTORY KIND PATH: where nothing was, nothing need be said of overrides and masks.
snapshot_of() {
  case "$2" in
    mask) fact_of "$1" override "$3" | sed 's/^override/mask/' ;;
    *) fact_of "$1" "$2" "$3" ;;
  esac
}

# what_may_change MANIFEST: kind and path, of what is wanted and of what was installed before.
what_may_change() {
  local unit path
  {
    grep -E $'^(directory|log|file|unit)\t' "$1"
    managed_rows
    cat "$SERVICE_DIR/manifest" "$(former_manifest)" 2>/dev/null | grep -E $'^(directory|log)\t' || true
    overrides_before "$1"
    printf 'hold\t%s\n' "$(hold_of config)"
  } | awk -F '\t' '!seen[$1, $2]++ { print $1 "\037" $2 }'
  while IFS=$'\037' read -r _ unit _; do
    for path in $(masks_of_unit "$unit"); do printf 'mask\037%s\n' "$path"; done
  done < <(manifest_rows "$1" unit)
}
