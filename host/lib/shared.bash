# What several services of a host have in common: the proxy's drop-in and unit. Each service's manifest names it; the last takes it away.
# shellcheck shell=bash

# other_manifests: of the other services on this host, with their open updates.
other_manifests() {
  local directory file former
  former="$(former_dir)"
  for directory in "$STATE_DIR"/*/; do
    directory="${directory%/}"
    [[ "$directory" != "$SERVICE_DIR" && "$directory" != "$former" ]] || continue
    for file in "$directory/transaction/manifest" "$directory/manifest"; do
      [[ ! -f "$file" ]] || printf '%s\n' "$file"
    done
  done
}

# other_owner KIND PATH: the name of another service that manages it too, or nothing.
other_owner() {
  local file
  while IFS= read -r file; do
    if manifest_has "$file" "$1" "$2"; then
      service_of "$file"
      return 0
    fi
  done < <(other_manifests)
}

# refuse_unequal PATH KEY MODE OWNER: two services may want the same file only if they want it alike.
refuse_unequal() {
  local file
  while IFS= read -r file; do
    awk -F '\t' -v path="$1" -v wanted="$2 $3 $4" '$1 == "file" && $2 == path && $7 " " $4 " " $5 != wanted { found = 1 } END { exit !found }' "$file" || continue
    fail "$EXIT_REFUSED" "$(service_of "$file") on this host wants $1 otherwise; give both services the same settings for it (proxy or tunnel)"
  done < <(other_manifests)
}

# stack_of MANIFEST
stack_of() { header_of "$1" 3; }

# service_of MANIFEST
service_of() { header_of "$1" 2; }

# header_of MANIFEST COLUMN: of its first line; the first is 0.
header_of() {
  local header columns
  IFS= read -r header <"$1" || true
  IFS=$'\037' read -ra columns <<<"${header//$'\t'/$'\037'}"
  printf '%s\n' "${columns[$2]:-}"
}

# inherit_original KIND PATH: what another service kept of it is the original, not what that service put there.
inherit_original() {
  local owner directory line content
  owner="$(other_owner "$1" "$2")"
  [[ -n "$owner" ]] || return 1
  directory="$STATE_DIR/$owner/originals"
  line="$(awk -F '\t' -v kind="$1" -v path="$2" '$1 == kind && $2 == path { print; exit }' "$directory/index" 2>/dev/null)"
  [[ -n "$line" ]] || return 1
  content="${line##*$'\t'}"
  if [[ "$content" != - ]]; then
    cp --no-dereference --remove-destination "$directory/$content" "$SERVICE_DIR/originals/$content" ||
      fail "$EXIT_FAILED" "cannot keep the original of $2; is the disk full?"
  fi
  printf '%s\n' "$line"
}
