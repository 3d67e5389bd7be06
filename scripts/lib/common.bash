# Sourced by the scripts of this folder: messages, exit codes, the cache, Debian packages.
# shellcheck shell=bash

# Exit codes, the same for every script (docs/operations.md).
# shellcheck disable=SC2034 # read by the scripts that source this file
readonly EXIT_FINDING=1 EXIT_USAGE=2 EXIT_UNREACHABLE=3 EXIT_REFUSED=4 EXIT_ROLLED_BACK=5

# Everything that is built or downloaded once lives here, outside the checkout.
CACHE_DIR="${PULUMI_SYSTEMD_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-systemd-ha}"
readonly CACHE_DIR

# say SENTENCE: progress, on stderr so that stdout stays for results.
say() { printf '%s\n' "==> $*" >&2; }

# die CODE SENTENCE: what is wrong and what to do, then exit.
die() {
  local code="$1"
  shift
  printf '%s\n' "error: $*" >&2
  exit "$code"
}

# require_packages PACKAGE...: installs the Debian packages that are missing; where it can't, says the exact command.
require_packages() {
  local package missing=()
  for package in "$@"; do
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ! command -v apt-get >/dev/null || ((EUID != 0)); then
    die "$EXIT_USAGE" "these Debian packages are missing; install them and start again: sudo apt-get install -y ${missing[*]}"
  fi
  say "installing Debian packages: ${missing[*]}"
  # A machine that never ran `apt-get update` has no lists; one that did may have stale ones: refresh only if needed.
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
    { apt-get update >/dev/null && apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
    die "$EXIT_FINDING" "apt-get could not install ${missing[*]}; its own message is above"
}

# with_lock FILE COMMAND...: one at a time on this machine, so that two runs that start together build things once.
with_lock() {
  local file="$1"
  shift
  mkdir -p "$(dirname "$file")"
  (
    flock -n 9 || { say "another run holds $file; waiting for it" && flock 9; }
    # The lock must not outlive this run in a background child.
    "$@" 9>&-
  ) 9>"$file"
}
