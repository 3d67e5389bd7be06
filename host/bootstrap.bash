# In front of the helper's files when they travel: `bash -s -- install-helper VERSION SERVICE REVISION` or
# `bash -s -- uninstall SERVICE`, with this text, one add_file a file, and a last line `finish "$@"` on stdin. A text that was
# cut off lacks that line: nothing happens.
# shellcheck shell=bash

# bash reads a pipe byte by byte, so the one that sudo starts goes on with the next line.
((EUID == 0)) || exec sudo -n -- bash -s -- "$@"
set -euo pipefail
trap '' HUP PIPE
umask 022

# The rest of this text, also while a function has a file on its stdin.
exec 9<&0

# stop SENTENCE: what else arrives is read all the same; the plugin would take an unread rest for a failure of its own.
stop() {
  cat <&9 >/dev/null || true
  printf '%s\n' "$1" >&2
  exit 1
}

readonly HELPER_ROOT=/usr/local/lib/pulumi-systemd-ha
ARRIVED="$(mktemp -d /run/pulumi-systemd-ha.XXXXXX 2>/dev/null)" || stop "cannot write to /run; is it full or read-only?"
readonly ARRIVED
trap 'rm -rf "$ARRIVED"' EXIT

# add_file NAME MODE < content
add_file() {
  { mkdir -p "$(dirname "$ARRIVED/$1")" && cat >"$ARRIVED/$1" && chmod "$2" "$ARRIVED/$1"; } 2>/dev/null ||
    stop "cannot write to /run; is it full?"
}

finish() {
  case "$1" in
    install-helper)
      install_helper "$2"
      keep_revision "$3" "$4"
      ;;
    # From what has just arrived: destroy works where the installed helper was removed or altered. /run may be noexec.
    uninstall) bash "$ARRIVED/helper" uninstall "$2" </dev/null 9<&- ;;
    *) stop "unknown: $1" ;;
  esac
}

# install_helper VERSION: a file at a time, each old or new; the entry last, so that it never calls what isn't there yet.
install_helper() {
  local target="$HELPER_ROOT/$1" name
  # The services of a host share it, and may be updated at once.
  { exec 8>>/run/pulumi-systemd-ha.helper.lock && flock --wait 25 8; } 2>/dev/null || stop "cannot lock /run/pulumi-systemd-ha.helper.lock: another update installs the helper, or /run can't be written"
  cd "$ARRIVED"
  remove_strangers "$target"
  for name in lib/*.bash helper; do
    cmp -s "$name" "$target/$name" && [[ "$(stat -c '%U:%G %a' "$target/$name")" == "root:root $(stat -c %a "$name")" ]] && continue
    { mkdir -p "$(dirname "$target/$name")" && cp -p "$name" "$target/$name.new" && sync "$target/$name.new" && mv -fT "$target/$name.new" "$target/$name"; } 2>/dev/null ||
      stop "cannot write $target/$name; is the disk full or read-only?"
  done
  echo "helper version $1 installed"
}

# remove_strangers DIRECTORY: what isn't of this helper; it would look altered for ever.
remove_strangers() {
  local name
  [[ -d "$1" && ! -L "$1" ]] || { rm -f "$1" && return; }
  (cd "$1" && find . -mindepth 1 ! -type d -printf '%P\n') | while IFS= read -r name; do
    [[ -f "$name" ]] || rm -f "$1/$name"
  done
  for name in lib/*.bash helper; do [[ ! -d "$1/$name" || -L "$1/$name" ]] || rm -rf "${1:?}/$name"; done
}

# keep_revision SERVICE ID: for the probe, see lib/install.bash.
keep_revision() {
  local directory="/var/lib/pulumi-systemd-ha/$1/revisions"
  { install -d -m 0700 "${directory%/*/*}" "${directory%/*}" "$directory" && printf 'helper\t%s\n' "$2" >"$directory/helper"; } 2>/dev/null ||
    stop "cannot write $directory; is the disk full or read-only?"
}
