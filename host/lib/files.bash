# Putting files and directories into place so that at every moment the old or the new one is there, whole.
# shellcheck shell=bash

# put_file CONTENT PATH MODE OWNER: synced, then renamed over the old one; nothing if it's the same already.
put_file() {
  local content="$1" path="$2" mode="$3" owner="$4" temporary
  is_in_place "$content" "$path" "$mode" "$owner" && return 0
  # A link or a directory in the place of a file: rename replaces the first by itself, the second has to go aside.
  refuse_directory "$path"
  mkdir -p "${path%/*}/" 2>/dev/null || fail "$EXIT_FAILED" "cannot create $(dirname "$path"); is the disk full or read-only?"
  temporary="$(temporary_of "$path")"
  # install(1) unlinks what is there first, so that a planted link isn't written through.
  install -T -m "$mode" -o "${owner%%:*}" -g "${owner##*:}" "$content" "$temporary" 2>/dev/null && sync "$temporary" || {
    rm -f "$temporary" 2>/dev/null || true
    fail "$EXIT_FAILED" "cannot write $temporary; is the disk full or read-only?"
  }
  fault_point put-file
  mv -fT "$temporary" "$path" 2>/dev/null || fail "$EXIT_FAILED" "cannot replace $path; is the disk read-only or the file immutable?"
  sync "${path%/*}/"
}

# temporary_of PATH: hidden, and with an ending which logrotate, run-parts and systemd pass over.
temporary_of() { printf '%s/.%s.dpkg-new' "${1%/*}" "${1##*/}"; }

# refuse_directory PATH
refuse_directory() {
  [[ ! -d "$1" || -L "$1" ]] || fail "$EXIT_REFUSED" "$1 is a directory where a file belongs; move it away and run the update again"
}

# is_in_place CONTENT PATH MODE OWNER
is_in_place() {
  [[ -f "$2" && ! -L "$2" ]] && cmp -s "$1" "$2" && [[ "$(stat -c '%04a %U:%G' "$2")" == "$3 $4" ]]
}

# put_directory PATH MODE OWNER: also secures one that the service's user owned until now.
# The order matters: once the entry is root's (chown -h follows no link) in a directory that is root's and sticky,
# its former owner can't swap it any more, and only then is it safe to look at what it is.
put_directory() {
  local path="$1" mode="$2" owner="$3"
  if [[ ! -e "$path" && ! -L "$path" ]]; then
    { mkdir -p "${path%/*}/" && mkdir -m 0700 "$path"; } 2>/dev/null || [[ -d "$path" ]] || fail "$EXIT_FAILED" "cannot create $path; is the disk full or read-only?"
  fi
  [[ "$(stat -c '%U:%G' "$path")" == "$owner" ]] || chown -h "$owner" "$path"
  [[ -d "$path" && ! -L "$path" ]] || fail "$EXIT_REFUSED" "$path is a link or a file where a directory belongs; replace it and run the update again"
  # Five digits: with four, chmod leaves a directory its setgid bit.
  [[ "$(stat -c '%04a' "$path")" == "$mode" ]] || chmod "0$mode" "$path"
}

# put_log PATH MODE OWNER: made if missing, so that nobody else makes it first; its content stays.
put_log() {
  local path="$1" mode="$2" owner="$3"
  # noclobber is O_EXCL: a link planted at this moment isn't followed.
  if [[ ! -e "$path" && ! -L "$path" ]]; then
    (set -o noclobber && umask 0177 && : >"$path") 2>/dev/null || fail "$EXIT_FAILED" "cannot create $path; is the disk full or read-only?"
  fi
  [[ -f "$path" && ! -L "$path" ]] || fail "$EXIT_REFUSED" "$path is no regular file, where a log belongs; move it away and run the update again"
  # A second name of the same file could be a file of root's, which would be given away.
  [[ "$(stat -c %h "$path")" == 1 || "$(stat -c '%04a %U:%G' "$path")" == "$mode $owner" ]] ||
    fail "$EXIT_REFUSED" "$path has a second name and another owner or mode than a log of ours; remove it and run the update again"
  [[ "$(stat -c '%U:%G' "$path")" == "$owner" ]] || chown -h "$owner" "$path"
  [[ "$(stat -c '%04a' "$path")" == "$mode" ]] || chmod "$mode" "$path"
}

# write_whole PATH COMMAND...: its output into a file of ours, complete or not at all.
write_whole() {
  local path="$1"
  shift
  "$@" 2>/dev/null >"$path.new" && sync "$path.new" && mv -fT "$path.new" "$path" && sync "${path%/*}/" ||
    fail "$EXIT_FAILED" "cannot write $path; is the disk full or read-only?"
}
