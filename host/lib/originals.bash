# What was on the host before we came: kept once, put back by `uninstall`.
#
# SERVICE_DIR/originals/index: kind, path or unit, what it was (absent, file, directory, link; for a unit UnitFileState), mode
# (for a unit ActiveState), owner, name of what is kept (nothing of a log). A link is kept as one: its target may be any text.
# shellcheck shell=bash

# keep_originals MANIFEST: of everything in it that isn't in the index yet. A line is written after its content.
keep_originals() {
  local kind path directory="$SERVICE_DIR/originals"
  { mkdir -p "$directory" && touch "$directory/index"; } 2>/dev/null || fail "$EXIT_FAILED" "cannot write $directory; is the disk full or read-only?"
  # A line which a crash cut off has no end: it must not swallow the next.
  [[ ! -s "$directory/index" || -z "$(tail -c1 "$directory/index")" ]] || sed -i '$d' "$directory/index"
  while IFS=$'\037' read -r kind path _; do
    manifest_has "$directory/index" "$kind" "$path" || inherit_original "$kind" "$path" >>"$directory/index" ||
      original_of "$kind" "$path" 2>/dev/null >>"$directory/index" || fail "$EXIT_FAILED" "cannot keep the original of $path; is the disk full or read-only?"
  done < <({
    [[ -f "$SERVICE_DIR/manifest" ]] || overrides_before "$1"
    grep -E $'^(directory|log|file|unit)\t' "$1"
  } | tr '\t' '\037')
  inherit_overrides "$1"
  sync "$directory/index"
}

# overrides_before MANIFEST: the drop-ins that stood against ours before the first update, which moves them away.
overrides_before() {
  local path key
  while IFS=$'\037' read -r _ path _ _ _ _ key _; do
    [[ -z "$(unit_of "$path")" ]] || overrides_of "$path" <"$SERVICE_DIR/stage/$key"
  done < <(manifest_rows "$1" file) | awk -F '\037' '!seen[$1]++ { print "override\t" $1 "\t" }'
}

# original_of KIND PATH: one line for the index; a file's content is kept beside it.
original_of() {
  local kind="$1" path="$2" KEPT
  if [[ "$kind" == unit ]] && is_ours "/etc/systemd/system/$path"; then
    # Of a former time, whose record was lost.
    printf 'unit\t%s\t\t\t-\t-\n' "$path"
  elif [[ "$kind" == file ]] && is_ours "$path"; then
    printf 'file\t%s\tabsent\t-\t-\t-\n' "$path"
  elif [[ "$kind" == unit ]]; then
    printf 'unit\t%s\t%s\t%s\t-\t-\n' "$path" "$(unit_property "$path" UnitFileState)" "$(unit_property "$path" ActiveState)"
  elif [[ -L "$path" && "$kind" != log ]]; then
    keep_content "$path" && printf '%s\t%s\tlink\t-\t-\t%s\n' "$kind" "$path" "$KEPT"
  elif [[ -d "$path" ]]; then
    printf '%s\t%s\tdirectory\t%s\t-\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")"
  elif [[ -f "$path" && "$kind" == log ]]; then
    printf '%s\t%s\tfile\t%s\t-\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")"
  elif [[ -f "$path" ]]; then
    # Its owner may put a link there meanwhile: it would be read through when it is restored.
    keep_content "$path" && [[ ! -L "$SERVICE_DIR/originals/$KEPT" ]] &&
      printf '%s\t%s\tfile\t%s\t%s\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")" "$KEPT"
  else
    printf '%s\t%s\tabsent\t-\t-\t-\n' "$kind" "$path"
  fi
}

# is_ours PATH: written by us, whatever anybody made of it since: the head of every file that we bring says so.
is_ours() { [[ "$1" == /etc/pulumi-systemd-ha/* ]] || { [[ -f "$1" && ! -L "$1" ]] && head -n 3 -- "$1" 2>/dev/null | grep -qaF '# Managed by pulumi-systemd-ha'; }; }

# name_of PATH: under which something of it is kept: its original, the revision of its stage.
name_of() { sha256sum <<<"$1" | cut -c1-16; }

# keep_content PATH: a copy beside the index. Sets KEPT, its name.
keep_content() {
  KEPT="$(name_of "$1")"
  cp --no-dereference --remove-destination "$1" "$SERVICE_DIR/originals/$KEPT" 2>/dev/null && { [[ -L "$1" ]] || sync "$SERVICE_DIR/originals/$KEPT"; }
}

# still_needed_originals: the index without what is managed no more and was put back; somebody may change it now, and that will
# be the original then.
still_needed_originals() {
  awk -F '\t' 'NR == FNR { managed[$1, $2]; next } $1 == "directory" || $1 == "log" || $1 == "override" || ($1, $2) in managed' "$SERVICE_DIR/manifest" "$SERVICE_DIR/originals/index"
}

# restore_file PATH: the original back, or nothing where nothing was; nothing as long as another service wants it too.
restore_file() {
  local path="$1" what mode owner content temporary
  [[ -z "$(other_owner file "$path")" ]] || return 0
  keep_foreign_edit "$path"
  IFS=$'\037' read -r what mode owner content < <(awk -F '\t' -v path="$path" '$1 == "file" && $2 == path { print $3 "\037" $4 "\037" $5 "\037" $6; exit }' "$SERVICE_DIR/originals/index") || true
  case "${what:-absent}" in
    file) put_file "$SERVICE_DIR/originals/$content" "$path" "$mode" "$owner" ;;
    link)
      temporary="$(dirname "$path")/.$(basename "$path").dpkg-new"
      cp --no-dereference --remove-destination -T "$SERVICE_DIR/originals/$content" "$temporary" && mv -fT "$temporary" "$path"
      ;;
    # Refused when it was to be replaced.
    directory) ;;
    *)
      rm -f "$path"
      # `apache2.service.d` and /etc/pulumi-systemd-ha come and go with their only file.
      case "$(dirname "$path")" in
        /etc/systemd/system/*.d | /etc/pulumi-systemd-ha) rmdir --ignore-fail-on-non-empty "$(dirname "$path")" 2>/dev/null || true ;;
      esac
      ;;
  esac
}

# inherit_overrides MANIFEST: what another service moved away from a unit that both want; the last one puts it back.
inherit_overrides() {
  local file directory row path content
  while IFS= read -r file; do
    directory="${file%/manifest}"
    directory="${directory%/transaction}/originals"
    while IFS= read -r row; do
      IFS=$'\037' read -r _ path _ _ _ content <<<"${row//$'\t'/$'\037'}"
      manifest_has "$1" unit "$(basename "${path%.d/*}")" && ! manifest_has "$SERVICE_DIR/originals/index" override "$path" || continue
      cp --no-dereference --remove-destination "$directory/$content" "$SERVICE_DIR/originals/$content" 2>/dev/null && printf '%s\n' "$row" >>"$SERVICE_DIR/originals/index" ||
        fail "$EXIT_FAILED" "cannot keep the original of $path; is the disk full?"
    done < <(grep '^override' "$directory/index" 2>/dev/null)
  done < <(other_manifests)
}

# restore_overrides: the drop-ins that an update moved away first, unless somebody made them anew.
restore_overrides() {
  local path mode owner content
  while IFS=$'\037' read -r path mode owner content; do
    [[ ! -e "$path" && ! -L "$path" && -z "$(other_owner unit "$(basename "${path%.d/*}")")" ]] || continue
    if [[ -L "$SERVICE_DIR/originals/$content" ]]; then
      mkdir -p "$(dirname "$path")" && cp --no-dereference -T "$SERVICE_DIR/originals/$content" "$path"
    else
      put_file "$SERVICE_DIR/originals/$content" "$path" "$mode" "$owner"
    fi
  done < <(awk -F '\t' '$1 == "override" && ($3 == "file" || $3 == "link") { print $2 "\037" $4 "\037" $5 "\037" $6 }' "$SERVICE_DIR/originals/index")
}

# restore_owners: of the logs and directories that were there. The directories that we made go, unless something lies in them.
restore_owners() {
  local path what mode owner
  while IFS=$'\037' read -r path what mode owner; do
    if [[ "$what" == file && -f "$path" && ! -L "$path" ]]; then chmod "$mode" "$path" && chown -h "$owner" "$path"; fi
  done < <(awk -F '\t' '$1 == "log" { print $2 "\037" $3 "\037" $4 "\037" $5 }' "$SERVICE_DIR/originals/index")
  while IFS=$'\037' read -r path what mode owner; do
    [[ -d "$path" && ! -L "$path" && -z "$(other_owner directory "$path")" ]] || continue
    case "$what" in
      # The mode first: its former owner could put a link there as soon as it's theirs again.
      directory) chmod "0$mode" "$path" && chown -h "$owner" "$path" ;;
      absent) rmdir --ignore-fail-on-non-empty "$path" ;;
    esac
  done < <(awk -F '\t' '$1 == "directory" { print $2 "\037" $3 "\037" $4 "\037" $5 }' "$SERVICE_DIR/originals/index" | tac)
}
