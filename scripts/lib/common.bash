# Sourced by the scripts of this folder: messages, exit codes, versions, the cache, Debian packages.
# shellcheck shell=bash

# Exit codes, the same for every script (docs/operations.md).
# shellcheck disable=SC2034 # read by the scripts that source this file
readonly EXIT_FINDING=1 EXIT_USAGE=2 EXIT_UNREACHABLE=3 EXIT_REFUSED=4 EXIT_ROLLED_BACK=5

# The checkout that these scripts belong to.
PROJECT_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck disable=SC2034
readonly PROJECT_DIR

# cron and systemd units may have no HOME; node, npm and go all want one.
[[ -v HOME ]] || export HOME=~

# Everything that is built or downloaded once lives here, outside the checkout. Absolute: it ends up in PATH.
CACHE_DIR="$(realpath -ms -- "${PULUMI_SYSTEMD_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-systemd-ha}")"
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

# version_at_least FOUND NEEDED: dotted versions, compared number by number.
version_at_least() { printf '%s\n%s\n' "$2" "$1" | sort -VC; }

# offered_version PACKAGE: the upstream version that apt would install, nothing if it has none.
offered_version() {
  local candidate
  command -v apt-cache >/dev/null || return 0
  # A fresh container has no package lists yet.
  ((EUID != 0)) || compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || apt-get update >/dev/null 2>&1 || true
  candidate="$(apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }')"
  candidate="${candidate#*:}"
  printf '%s\n' "${candidate%%[-+~]*}"
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
  # Somebody else, or the machine's own upgrades, may be at it.
  local install=(apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}")
  "${install[@]}" >/dev/null 2>&1 || { apt-get update >/dev/null && "${install[@]}" >/dev/null; } ||
    die "$EXIT_FINDING" "apt-get could not install ${missing[*]}; its own message is above"
}

# require_cache [FOLDER]: the cache (or a folder in it) exists and can be written.
require_cache() {
  local folder="${1:-$CACHE_DIR}"
  mkdir -p "$folder" 2>/dev/null && [[ -w "$folder" ]] ||
    die "$EXIT_USAGE" "the cache $folder can't be written; set PULUMI_SYSTEMD_HA_CACHE to a folder that can"
}

# with_lock FILE COMMAND...: one at a time on this machine, so that two runs that start together build things once.
with_lock() {
  local file="$1"
  shift
  require_cache "$(dirname "$file")"
  (
    if ! flock -n 9; then
      say "another run holds $file; waiting for it"
      until flock -w 30 9; do say "still waiting for the other run"; done
    fi
    # The lock must not outlive this run in a background child.
    "$@" 9>&-
  ) 9>"$file"
}
