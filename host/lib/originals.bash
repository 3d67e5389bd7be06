# What was on the host before we came: kept once, put back by `uninstall`.
#
# SERVICE_DIR/originals/index: kind, path or unit, what it was (absent, file, directory, link; for a unit UnitFileState), mode
# (for a unit ActiveState), owner, name of the kept content or the link's target.
# shellcheck shell=bash

# keep_originals MANIFEST: of everything in it that isn't in the index yet. A line is written after its content.
keep_originals() {
  local kind path directory="$SERVICE_DIR/originals"
  mkdir -p "$directory"
  touch "$directory/index"
  # A line which a crash cut off has no end: it must not swallow the next.
  [[ ! -s "$directory/index" || -z "$(tail -c1 "$directory/index")" ]] || sed -i '$d' "$directory/index"
  while IFS=$'\037' read -r kind path _; do
    [[ "$kind" != log ]] || continue
    manifest_has "$directory/index" "$kind" "$path" || inherit_original "$kind" "$path" >>"$directory/index" ||
      original_of "$kind" "$path" >>"$directory/index"
  done < <(tail -n +2 "$1" | tr '\t' '\037')
  sync "$directory/index"
}

# original_of KIND PATH: one line for the index; a file's content is kept beside it.
original_of() {
  local kind="$1" path="$2" name
  if [[ "$kind" == unit ]]; then
    printf 'unit\t%s\t%s\t%s\t-\t-\n' "$path" "$(unit_property "$path" UnitFileState)" "$(unit_property "$path" ActiveState)"
  elif [[ -L "$path" ]]; then
    printf '%s\t%s\tlink\t-\t-\t%s\n' "$kind" "$path" "$(readlink "$path")"
  elif [[ -d "$path" ]]; then
    printf '%s\t%s\tdirectory\t%s\t-\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")"
  elif [[ -f "$path" ]]; then
    name="$(sha256sum <<<"$path" | cut -c1-16)"
    cp --no-dereference "$path" "$SERVICE_DIR/originals/$name" && sync "$SERVICE_DIR/originals/$name" ||
      fail "$EXIT_FAILED" "cannot keep the original of $path; is the disk full?"
    printf '%s\t%s\tfile\t%s\t%s\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")" "$name"
  else
    printf '%s\t%s\tabsent\t-\t-\t-\n' "$kind" "$path"
  fi
}

# restore_file PATH: the original back, or nothing where nothing was; nothing as long as another service wants it too.
restore_file() {
  local path="$1" what mode owner content
  [[ -z "$(other_owner file "$path")" ]] || return 0
  IFS=$'\037' read -r what mode owner content < <(awk -F '\t' -v path="$path" '$1 == "file" && $2 == path { print $3 "\037" $4 "\037" $5 "\037" $6; exit }' "$SERVICE_DIR/originals/index") || true
  case "${what:-absent}" in
    file) put_file "$SERVICE_DIR/originals/$content" "$path" "$mode" "$owner" ;;
    link) ln -sfT "$content" "$path" ;;
    *)
      rm -f "$path"
      # `apache2.service.d` and /etc/pulumi-systemd-ha come and go with their only file.
      rmdir --ignore-fail-on-non-empty "$(dirname "$path")" 2>/dev/null || true
      ;;
  esac
}

# restore_directories: owners and modes of those that were there; those that we made go, unless something lies in them.
restore_directories() {
  local path what mode owner
  while IFS=$'\037' read -r path what mode owner; do
    [[ -d "$path" && ! -L "$path" && -z "$(other_owner directory "$path")" ]] || continue
    case "$what" in
      directory) chown -h "$owner" "$path" && chmod "$mode" "$path" ;;
      absent) rmdir --ignore-fail-on-non-empty "$path" ;;
    esac
  done < <(awk -F '\t' '$1 == "directory" { print $2 "\037" $3 "\037" $4 "\037" $5 }' "$SERVICE_DIR/originals/index" | tac)
}
