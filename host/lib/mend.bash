# What others changed since: undone by `install`, and kept where it may be somebody's work.
# shellcheck shell=bash

# Outlives the next `up` and a destroy. Each service's newest only.
readonly ASIDE_ROOT=/var/backups/pulumi-systemd-ha ASIDE_COUNT=20

# keep_aside PATH: a copy below ASIDE_ROOT; a directory itself, since it can't be replaced.
keep_aside() {
  local path="$1" directory="$ASIDE_ROOT/$SERVICE" target name how=(cp --archive --no-dereference)
  [[ ! -d "$path" || -L "$path" ]] || how=(mv)
  target="$directory/$(printf '%(%Y%m%d-%H%M%S)T' -1)${path//\//-}"
  target="${target:0:$((${#directory} + 200))}"
  while [[ -e "$target" || -L "$target" ]]; do target+=_; done
  { install -d -m 0700 "$ASIDE_ROOT" "$directory" && "${how[@]}" -T -- "$path" "$target"; } 2>/dev/null ||
    fail "$EXIT_FAILED" "cannot keep $path in $directory; is the disk full or read-only?"
  record 0 "kept $path as $target"
  # Named by time, so the oldest come first.
  find "$directory" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | head -n "-$ASIDE_COUNT" | while IFS= read -r name; do rm -rf "${directory:?}/$name"; done
}

# keep_foreign_edit PATH: of something managed, before it's replaced or removed. What was there before us is among the originals,
# and what we put there is staged: neither is an edit.
keep_foreign_edit() {
  local path="$1" known
  [[ -e "$path" || -L "$path" ]] || return 0
  for known in "$SERVICE_DIR"/stage/* "$SERVICE_DIR/originals/$(name_of "$path")"; do
    is_alike "$known" "$path" && return 0
  done
  keep_aside "$path"
}

# is_alike FILE FILE: the same content, or links to the same.
is_alike() {
  if [[ -L "$1" || -L "$2" ]]; then
    [[ -L "$1" && -L "$2" && "$(readlink "$1")" == "$(readlink "$2")" ]]
  else
    [[ -f "$1" && -f "$2" ]] && cmp -s "$1" "$2"
  fi
}

# undo_foreign MANIFEST: masked units, drop-ins that contradict ours, settings that systemd hasn't loaded as they are.
undo_foreign() {
  local path key
  while IFS=$'\037' read -r _ path _; do
    unmask "$path"
    [[ ! -f "$SERVICE_DIR/properties/$path" || "$(effective_properties "$path")" == "$(<"$SERVICE_DIR/properties/$path")" ]] || note_changed "/etc/systemd/system/$path"
  done < <(manifest_rows "$1" unit)
  while IFS=$'\037' read -r _ path _ _ _ _ key _; do
    [[ -z "$(unit_of "$path")" ]] || move_overrides "$path" "$SERVICE_DIR/stage/$key"
  done < <(manifest_rows "$1" file)
}

# masks_of_unit UNIT: the links that do it.
masks_of_unit() {
  local link
  for link in /{etc,run}/systemd/system/"$1"; do
    [[ ! -L "$link" || "$(readlink "$link")" != /dev/null ]] || printf '%s\n' "$link"
  done
}

# unmask UNIT: without the reload of its own, which comes once for all.
unmask() {
  local link
  for link in $(masks_of_unit "$1"); do
    note_changed "/etc/systemd/system/$1"
    rm -f "$link" 2>/dev/null || fail "$EXIT_FAILED" "cannot remove $link, which masks $1; is the disk read-only?"
  done
}

# move_overrides OURS TEXT-FILE: what the operator had before us comes back with the originals.
move_overrides() {
  local path unit
  unit="$(unit_of "$1")"
  while IFS= read -r path; do
    is_movable "$unit" "$path" || fail "$EXIT_REFUSED" "$path overrules what is configured here for $unit and isn't of this unit alone; change or remove it, and run the update again"
    note_changed "/etc/systemd/system/$unit"
    is_alike "$SERVICE_DIR/originals/$(name_of "$path")" "$path" || keep_aside "$path"
    rm -f "$path" 2>/dev/null || fail "$EXIT_FAILED" "cannot remove $path; is the disk read-only?"
    rmdir --ignore-fail-on-non-empty "$(dirname "$path")" 2>/dev/null || true
  done < <(overrides_of "$1" <"$2" | cut -d $'\037' -f1 | sort -u)
}

# enable_links MANIFEST: before the reload, since on newer systemd each new link asks for another one, and without the reload
# that `enable` does by itself: each clears the start limit's count.
enable_links() {
  local unit
  while IFS=$'\037' read -r _ unit _; do enable_link "$unit"; done < <(manifest_rows "$1" unit)
}

# enable_link UNIT
enable_link() {
  local output
  [[ "$(systemctl is-enabled -- "$1" 2>/dev/null)" != enabled ]] || return 0
  note_changed "/etc/systemd/system/$1"
  output="$(systemctl enable --no-reload -- "$1" 2>&1)" ||
    fail "$EXIT_FAILED" "$1 can't be enabled: $(safe_lines <<<"$output" | tail -n 1)"
  fault_point enable
}
