# A service that gets another name: one transaction takes the former one's place. Until that is confirmed its state directory
# stays as it is, so that a rollback has nothing to do there.
# shellcheck shell=bash

# former_name MANIFEST: the former name, as long as there is a service of that name and none of the new one.
former_name() {
  local name
  name="$(manifest_setting "$1" previousName)"
  [[ -z "$name" || "$name" == "$SERVICE" || -f "$SERVICE_DIR/manifest" ]] || ! is_whole "$STATE_DIR/$name/manifest" || printf '%s' "$name"
}

# former_dir: its state directory; nothing unless this update renames.
former_dir() {
  local name="${FORMER:-}"
  [[ -n "$name" ]] || read -r name 2>/dev/null <"$SERVICE_DIR/transaction/renamed" || true
  [[ -z "$name" ]] || printf '%s' "$STATE_DIR/$name"
}

# former_manifest: where it is; nothing unless this update renames.
former_manifest() {
  local former
  former="$(former_dir)"
  [[ -z "$former" ]] || printf '%s' "$former/manifest"
}

# inherit_former: what was there before the former one is the original of this one too.
inherit_former() {
  local former
  former="$(former_dir)"
  [[ -n "$former" && -d "$former/originals" && ! -d "$SERVICE_DIR/originals" ]] || return 0
  cp --archive -T "$former/originals" "$SERVICE_DIR/originals.new" 2>/dev/null && mv -T "$SERVICE_DIR/originals.new" "$SERVICE_DIR/originals" ||
    fail "$EXIT_FAILED" "cannot write $SERVICE_DIR/originals; is the disk full or read-only?"
}

# forget_former: after the confirmation. Renamed first: half removed, it would look like a service without originals.
forget_former() {
  local former gone
  former="$(former_dir)"
  [[ -n "$former" && -d "$former" ]] || return 0
  gone="$STATE_DIR/.${former##*/}.removed"
  rm -rf "$gone" && mv -T "$former" "$gone"
  fault_point renamed
  rm -rf "$gone"
}
