# What was on the host before we came: kept once, put back by `uninstall`. See lib/kept.bash for SERVICE_DIR/originals.
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

# original_of KIND PATH: one line for the index. What bears our mark was never the host's own.
original_of() {
  local directory="$SERVICE_DIR/originals"
  if [[ "$1" == unit ]] && is_ours "/etc/systemd/system/$2"; then
    # Of a former time, whose record was lost.
    printf 'unit\t%s\t\t\t-\t-\n' "$2"
  elif [[ "$1" == file ]] && is_ours "$2"; then
    printf 'file\t%s\tabsent\t-\t-\t-\n' "$2"
  else
    fact_of "$directory" "$1" "$2"
  fi
}

# is_ours PATH: written by us, whatever anybody made of it since: the head of every file that we bring says so.
is_ours() { [[ "$1" == /etc/pulumi-systemd-ha/* ]] || { [[ -f "$1" && ! -L "$1" ]] && head -n 3 -- "$1" 2>/dev/null | grep -qaF '# Managed by pulumi-systemd-ha'; }; }

# still_needed_originals: the index without what is managed no more and was put back; somebody may change it now, and that will
# be the original then.
still_needed_originals() {
  awk -F '\t' 'NR == FNR { managed[$1, $2]; next } $1 == "directory" || $1 == "log" || $1 == "override" || ($1, $2) in managed' "$SERVICE_DIR/manifest" "$SERVICE_DIR/originals/index"
}

# restore_file PATH: the original back, or nothing where nothing was; nothing as long as another service wants it too.
restore_file() {
  [[ -z "$(other_owner file "$1")" ]] || return 0
  keep_foreign_edit "$1"
  put_back_file "$SERVICE_DIR/originals" "$1"
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
