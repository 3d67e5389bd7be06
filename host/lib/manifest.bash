# The manifest: what is managed on this host for one service, in lines of tab-separated columns.
#
#   pulumi-systemd-ha-manifest  1  SERVICE  STACK
#   directory  PATH  -       MODE  USER:GROUP  -  -    -
#   log        PATH  -       MODE  USER:GROUP  -  -    -      made if missing; its content isn't ours
#   file       PATH  SHA256  MODE  USER:GROUP  -  KEY  -      KEY names the staged content
#   unit       NAME  -       -     -           -  ROLE ORIGIN ORIGIN: ours, or host for a unit that was there before us
#   setting    NAME  -       -     -           -  VALUE -     what the later steps need to know
#
# On the host the confirmed one ends with a line `confirmed  TRANSACTION  REVISION  COUNTER  TIME`, and `returned` behind it where
# somebody brought it back by hand (lib/return.bash).
# Parsed line by line with `read`: the host has neither jq nor Python for certain. The shell does by itself what is asked often: an
# update reads some two hundred times, and each process that it needn't start is a millisecond.
# shellcheck shell=bash

# manifest_rows FILE KIND: the rows of a kind. Tab is IFS white space, which `read` would fold: hence a separator of our own.
manifest_rows() {
  local line
  while IFS= read -r line; do
    # Who reads may have seen enough.
    [[ "$line" != "$2"$'\t'* ]] || printf '%s\n' "${line//$'\t'/$'\037'}" 2>/dev/null || return 0
  done <"$1"
}

# manifest_has FILE KIND PATH
manifest_has() {
  local line
  while IFS= read -r line; do
    [[ "$line" != "$2"$'\t'"$3"$'\t'* ]] || return 0
  done <"$1"
  return 1
}

# manifest_setting FILE NAME [DEFAULT]
manifest_setting() {
  local line value="${3:-}"
  while IFS= read -r line; do
    [[ "$line" != "setting"$'\t'"$2"$'\t'* ]] || IFS=$'\037' read -r _ _ _ _ _ _ value _ <<<"${line//$'\t'/$'\037'}"
  done <"$1"
  printf '%s\n' "$value"
}

# manifest_confirmed FILE COLUMN: transaction (2), revision (3) or counter (4) of a confirmed manifest, else nothing.
manifest_confirmed() {
  local line columns
  [[ -f "$1" ]] || return 0
  while IFS= read -r line; do
    [[ "$line" == confirmed$'\t'* ]] || continue
    IFS=$'\037' read -ra columns <<<"${line//$'\t'/$'\037'}"
    printf '%s\n' "${columns[$2 - 1]:-}"
  done <"$1"
}

# manifest_revision FILE: the hash of the desired part.
manifest_revision() {
  local sum
  sum="$(grep -v '^confirmed' "$1" | sha256sum)" && printf '%s\n' "${sum:0:16}"
}

# is_whole FILE: a confirmed manifest as we wrote it.
is_whole() {
  local revision
  revision="$(manifest_confirmed "$1" 3)" && [[ -n "$revision" && "$revision" == "$(manifest_revision "$1")" ]]
} 2>/dev/null

# validate_manifest FILE: refuses what isn't a complete manifest of this service.
validate_manifest() {
  local header kind path sha256 mode owner key origin extra line=1
  local -A known=()
  IFS= read -r header <"$1" || true
  [[ "$header" == "pulumi-systemd-ha-manifest"$'\t'"1"$'\t'"$SERVICE"$'\t'* ]] ||
    fail "$EXIT_USAGE" "the manifest's header isn't one of version 1 for $SERVICE; is the library older or newer than the helper?"
  while IFS=$'\037' read -r kind path sha256 mode owner _ key origin extra || [[ -n "$kind" ]]; do
    line=$((line + 1))
    [[ -n "$origin" && -z "$extra" ]] || fail "$EXIT_USAGE" "line $line of the manifest hasn't eight columns"
    case "$kind" in
      directory | log | file)
        [[ "$path" == /* && "$path" != *[[:cntrl:]]* && "$path/" != */../* ]] || fail "$EXIT_USAGE" "line $line of the manifest: not a plain absolute path"
        [[ "$mode" =~ ^[0-7]{4}$ ]] || fail "$EXIT_USAGE" "line $line of the manifest: $mode isn't a mode"
        [[ "$owner" =~ ^[^:]+:[^:]+$ ]] || fail "$EXIT_USAGE" "line $line of the manifest: $owner isn't a user and a group"
        [[ -n "${known[$owner]:-}" ]] || require_owner "$owner"
        known["$owner"]=yes
        [[ "$kind" != file ]] || validate_staged "$path" "$sha256" "$key"
        [[ "$kind" != file ]] || refuse_unequal "$path" "$key" "$mode" "$owner"
        ;;
      unit) [[ "$path" =~ ^[A-Za-z0-9:_.@-]+$ ]] || fail "$EXIT_USAGE" "line $line of the manifest: not a unit's name" ;;
      setting) is_setting "$path" "$key" || fail "$EXIT_USAGE" "line $line of the manifest: not a setting" ;;
      *) fail "$EXIT_USAGE" "line $line of the manifest: unknown kind" ;;
    esac
  done < <(tail -n +2 "$1" | tr '\t' '\037')
}

# require_owner USER:GROUP
require_owner() {
  getent passwd "${1%%:*}" >/dev/null || fail "$EXIT_FAILED" "there is no user ${1%%:*} on this host; create it, or correct service.user"
  getent group "${1##*:}" >/dev/null || fail "$EXIT_FAILED" "there is no group ${1##*:} on this host; create it, or correct service.group"
}

# is_setting NAME VALUE
is_setting() {
  case "$1" in
    healthCheckScript) [[ "$2" == /* ]] ;;
    maintenance) [[ "$2" == yes ]] ;;
    previousName) [[ "$2" =~ ^[a-z][a-z0-9_-]{0,31}$ ]] ;;
    healthyWithinSec | confirmWithinSec | historyKeep) [[ "$2" =~ ^[1-9][0-9]{0,2}$ ]] ;;
    alertAgainAfterSec) [[ "$2" =~ ^[0-9]{1,6}$ ]] ;;
    *) return 1 ;;
  esac
}

# validate_staged PATH SHA256 KEY: what will be installed has arrived, and whole; a connection may break while it does.
validate_staged() {
  local staged="$SERVICE_DIR/stage/$3"
  [[ "$3" =~ ^[0-9a-f]+$ && -f "$staged" ]] || fail "$EXIT_FAILED" "the content of $1 isn't staged; run the update again"
  [[ "$2" == - || "$(sha256sum <"$staged")" == "$2  -" ]] || fail "$EXIT_FAILED" "the content of $1 didn't arrive whole; run the update again"
}
