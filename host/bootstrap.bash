# In front of the helper's files when they travel: `bash -s -- install-helper VERSION` or `bash -s -- uninstall SERVICE`, with
# this text, one add_file a file, and a last line `finish "$@"` on stdin. A text that was cut off lacks that line: nothing happens.
# shellcheck shell=bash
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
    install-helper) install_helper "$2" ;;
    # From what has just arrived: destroy works where the installed helper was removed or altered. /run may be noexec.
    uninstall) bash "$ARRIVED/helper" uninstall "$2" </dev/null 9<&- ;;
    *) stop "unknown: $1" ;;
  esac
}

# install_helper VERSION: a file at a time, each old or new; the entry last, so that it never calls what isn't there yet.
install_helper() {
  local target="$HELPER_ROOT/$1" name
  cd "$ARRIVED"
  for name in lib/*.bash helper; do
    cmp -s "$name" "$target/$name" && [[ "$(stat -c '%U:%G %a' "$target/$name")" == "root:root $(stat -c %a "$name")" ]] && continue
    { mkdir -p "$(dirname "$target/$name")" && cp -p "$name" "$target/$name.new" && sync "$target/$name.new" && mv -fT "$target/$name.new" "$target/$name"; } 2>/dev/null ||
      stop "cannot write $target/$name; is the disk full or read-only?"
  done
  echo "helper version $1 installed"
}
