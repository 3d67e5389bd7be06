# The probe's answer: lines of a key and values with tabs between.
# shellcheck shell=bash

readonly MAX_CONTENT_BYTES=65536

# tell KEY VALUE...: one line; what a value has of control characters must not look like more.
tell() {
  local value line="$1"
  shift
  for value in "$@"; do
    value="${value//[[:cntrl:]]/ }"
    line+=$'\t'"${value:0:500}"
  done
  printf '%s\n' "$line"
}

# tell_content KEY NAME < content: as base64, so that it arrives as it is.
tell_content() { printf '%s\t%s\t%s\n' "$1" "$2" "$(head -c "$MAX_CONTENT_BYTES" | base64 -w0)"; }

# tell_if KEY COMMAND...: yes or no.
tell_if() { if "${@:2}" >/dev/null 2>&1; then tell "$1" yes; else tell "$1" no; fi; }
