# What something on the host was: kept in a directory with an index, put back from there. For the originals (before our first
# update, for `uninstall`) and for an update's snapshot (before the update, for its rollback).
#
# DIRECTORY/index: kind, path or unit, what it was (absent, file, directory, link; for a unit UnitFileState), mode (for a unit
# ActiveState), owner (for a unit InvocationID), name of what is kept (nothing of a log). A link is kept as one: its target may
# be any text.
# shellcheck shell=bash

# name_of PATH: under which something of it is kept: its content, the revision of its stage.
name_of() {
  local sum
  sum="$(sha256sum <<<"$1")" && printf '%s\n' "${sum:0:16}"
}

# keep_content DIRECTORY PATH: a copy beside the index. Sets KEPT, its name.
keep_content() {
  KEPT="$(name_of "$2")"
  cp --no-dereference --remove-destination "$2" "$1/$KEPT" 2>/dev/null && { [[ -L "$2" ]] || sync "$1/$KEPT"; }
}

# fact_of DIRECTORY KIND PATH: one line for the index; a file's content is kept beside it.
fact_of() {
  local directory="$1" kind="$2" path="$3" KEPT
  if [[ "$kind" == unit ]]; then
    printf 'unit\t%s\t%s\t%s\t%s\t-\n' "$path" "$(unit_property "$path" UnitFileState)" "$(unit_property "$path" ActiveState)" "$(unit_property "$path" InvocationID)"
  elif [[ -L "$path" && "$kind" != log ]]; then
    keep_content "$directory" "$path" && printf '%s\t%s\tlink\t-\t-\t%s\n' "$kind" "$path" "$KEPT"
  elif [[ -d "$path" ]]; then
    printf '%s\t%s\tdirectory\t%s\t-\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")"
  elif [[ -f "$path" && "$kind" == log ]]; then
    printf '%s\t%s\tfile\t%s\t-\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")"
  elif [[ -f "$path" ]]; then
    # Its owner may put a link there meanwhile: it would be read through when it is put back.
    keep_content "$directory" "$path" && [[ ! -L "$directory/$KEPT" ]] &&
      printf '%s\t%s\tfile\t%s\t%s\n' "$kind" "$path" "$(stat -c $'%04a\t%U:%G' "$path")" "$KEPT"
  else
    printf '%s\t%s\tabsent\t-\t-\t-\n' "$kind" "$path"
  fi
}

# kept_rows DIRECTORY KIND: the index's rows of a kind without the kind, for `read`.
kept_rows() { awk -F '\t' -v kind="$2" '$1 == kind { print $2 "\037" $3 "\037" $4 "\037" $5 "\037" $6 }' "$1/index"; }

# kept_as DIRECTORY KIND PATH: what it was.
kept_as() { awk -F '\t' -v kind="$2" -v path="$3" '$1 == kind && $2 == path { print $3; exit }' "$1/index"; }

# put_back_file DIRECTORY PATH: as the index has it, or nothing where nothing was or is known.
put_back_file() {
  local directory="$1" path="$2" what mode owner content
  IFS=$'\037' read -r _ what mode owner content < <(kept_rows "$directory" file | awk -F '\037' -v path="$path" '$1 == path { print; exit }') || true
  case "${what:-absent}" in
    file) put_file "$directory/$content" "$path" "$mode" "$owner" ;;
    link) put_link "$directory/$content" "$path" ;;
    # Refused when it was to be replaced.
    directory) ;;
    *)
      rm -f "$path" 2>/dev/null || fail "$EXIT_FAILED" "cannot remove $path; is the disk read-only or the file immutable?"
      # `apache2.service.d` and /etc/pulumi-systemd-ha come and go with their only file.
      case "$(dirname "$path")" in
        /etc/systemd/system/*.d | /etc/pulumi-systemd-ha) rmdir --ignore-fail-on-non-empty "$(dirname "$path")" 2>/dev/null || true ;;
      esac
      ;;
  esac
}

# put_link LINK PATH: a link that says the same, in the place of whatever is there.
put_link() {
  local temporary
  temporary="$(temporary_of "$2")"
  { mkdir -p "$(dirname "$2")" && cp --no-dereference --remove-destination -T "$1" "$temporary" && mv -fT "$temporary" "$2"; } 2>/dev/null ||
    fail "$EXIT_FAILED" "cannot put the link $2 back; is the disk full or read-only?"
}

# put_back_overrides DIRECTORY: the drop-ins that an update moved away, unless somebody made them anew.
put_back_overrides() {
  local directory="$1" path what mode owner content
  while IFS=$'\037' read -r path what mode owner content; do
    [[ ! -e "$path" && ! -L "$path" && -z "$(other_owner unit "$(basename "${path%.d/*}")")" ]] || continue
    case "$what" in
      file) put_file "$directory/$content" "$path" "$mode" "$owner" ;;
      link) put_link "$directory/$content" "$path" ;;
    esac
  done < <(kept_rows "$directory" override)
}

# put_back_owners DIRECTORY: of the logs and directories that were there. The directories that we made go, unless something
# lies in them.
put_back_owners() {
  local path what mode owner
  while IFS=$'\037' read -r path what mode owner _; do
    if [[ "$what" == file && -f "$path" && ! -L "$path" ]]; then chmod "$mode" "$path" && chown -h "$owner" "$path"; fi
  done < <(kept_rows "$1" log)
  while IFS=$'\037' read -r path what mode owner _; do
    [[ -d "$path" && ! -L "$path" && -z "$(other_owner directory "$path")" ]] || continue
    case "$what" in
      # The mode first: its former owner could put a link there as soon as it's theirs again.
      directory) chmod "0$mode" "$path" && chown -h "$owner" "$path" ;;
      absent) rmdir --ignore-fail-on-non-empty "$path" ;;
    esac
  done < <(kept_rows "$1" directory | tac)
}
