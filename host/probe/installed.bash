# What the probe tells of what is installed: records, files, units, the process, the helper.
# shellcheck shell=bash
# shellcheck disable=SC2153 # the arrays of look.bash, not their namesakes here

managed() {
  local file line attempts='' settled='' revision='' id=''
  id_of "$STATE"
  tell state_anchor "$REPLY"
  [[ ! -f "$STATE/manifest" ]] || tell_content manifest "" <"$STATE/manifest"
  [[ ! -f "$STATE/transaction/manifest" ]] || tell_content open_manifest "" <"$STATE/transaction/manifest"
  { read -r attempts <"$STATE/attempts"; } 2>/dev/null
  { read -r settled <"$STATE/settled"; } 2>/dev/null
  tell attempts "$attempts" "$settled"
  if [[ -d "$STATE/transaction" ]]; then
    { read -r revision <"$STATE/transaction/revision" && read -r id <"$STATE/transaction/id"; } 2>/dev/null
    tell open_transaction "$revision" "$id"
  fi
  tell_if released test -e "$STATE/released"
  maintenance
  for file in "$STATE"/revisions/*; do
    [[ -s "$file" ]] || continue
    IFS= read -r line <"$file"
    printf 'revision\t%s\n' "$line"
  done
}

# maintenance: who holds it, since when, by whom, why; see lib/maintenance.bash.
maintenance() {
  local owner since by reason
  for owner in config operator; do
    since='' by='' reason=''
    [[ -e "$STATE/maintenance/$owner" ]] || continue
    IFS=$'\t' read -r since by reason <"$STATE/maintenance/$owner"
    tell maintenance "$owner" "$since" "$by" "$reason"
  done
}

# thing PATH: type, mode, owner, where it is; of a file also the hash, and whose content it has.
thing() {
  local path="$1" facts="${FACTS["$1"]:-}" mode hash='' key=''
  mode="${facts% *}"
  if [[ "${KIND["$path"]}" == file && -f "$path" && ! -L "$path" ]]; then
    staged_alike "$path" && key="$REPLY"
    # A hash helps to guess what only root may read.
    if [[ "${MODE["$path"]}" == *[4567] && "$mode" == *[4567] ]]; then
      if [[ -n "$key" && -n "${STORED["$key"]:-}" ]]; then hash="$key"; else hash="$(read_file "$path" | sha256sum)"; fi
      if [[ -z "$key" ]] && is_roots "$path"; then read_file "$path" | tell_content content "$path"; fi
    fi
  fi
  id_of "$path"
  tell "${KIND["$path"]}" "$path" "${TYPE["$path"]:-}" "$mode" "${facts#* }" "$REPLY" "${hash%% *}" "$key"
  [[ ! -L "$path" ]] || tell link "$path" "$(readlink -- "$path")"
}

# read_file PATH: not through a link, should somebody put one there meanwhile.
read_file() { timeout 5 dd if="$1" iflag=nofollow,nonblock status=none 2>/dev/null; }

# is_roots PATH: nobody else can put something of root's there for us to show.
is_roots() {
  local directory="${1%/*}"
  while [[ -n "$directory" ]]; do
    [[ -O "$directory" && ! -L "$directory" ]] || return 1
    directory="${directory%/*}"
  done
}

# staged_alike PATH: the key of the managed content which the file has, in REPLY; a hash isn't asked, since a secret's key is none.
staged_alike() {
  for REPLY in ${KEYS["$1"]:-}; do
    ! cmp -s -- "$1" "$STATE/stage/$REPLY" || return 0
  done
  return 1
}

# staged: what is there to install again, and whether the name is its hash: the content may be altered or cut off. Never the
# hash itself: a secret's name is none, and its hash would help to guess it.
staged() {
  local file hash files=()
  for file in "$STATE"/stage/*; do [[ ! -f "$file" ]] || files+=("$file"); done
  ((${#files[@]})) || return 0
  while read -r hash file; do
    file="${file##*/}"
    [[ "$hash" != "$file" ]] || STORED["$file"]=yes
    tell staged "$file" "${STORED["$file"]:-no}"
  done < <(sha256sum -- "${files[@]}")
}

units() {
  local unit uptime name value columns
  read -r uptime _ </proc/uptime
  for unit in "${UNITS[@]}"; do
    columns=()
    for name in "${UNIT_STATE[@]}" UnitFileState; do
      value="${PROPERTY["$unit $name"]:-}"
      # Newer systemd says so of every unit after somebody enabled any; then it says nothing of ours.
      [[ "$name=$value/${PROPERTY["$OTHER_UNIT $name"]:-}" != NeedDaemonReload=yes/yes ]] || value="of all"
      [[ -z "$value" ]] || columns+=("$name=$value")
    done
    tell unit "$unit" "UptimeSec=${uptime%%.*}" "${columns[@]}"
    changed_properties "$unit"
  done
}

# changed_properties UNIT: what systemd does otherwise than at the confirmation.
changed_properties() {
  local line now
  [[ ! -f "$STATE/properties/$1" ]] || while IFS= read -r line; do
    now="${PROPERTY["$1 ${line%%=*}"]:-}"
    [[ "${line#*=}" == "$now" ]] || tell property "$1" "${line%%=*}" "${line#*=}" "$now"
  done <"$STATE/properties/$1"
}

# overrides: drop-ins of others that set what ours sets, and whether an update may move them.
overrides() {
  local path unit file section key value movable
  for path in "${!TEXTS[@]}"; do
    unit="$(unit_of "$path")"
    while IFS=$'\037' read -r file section key value; do
      movable=no
      ! is_movable "$unit" "$file" || movable=yes
      tell override "$unit" "$file" "$movable" "$section" "$key" "$value"
    done < <(overrides_of "$path" "${PROPERTY["$unit DropInPaths"]:-}" <<<"${TEXTS["$path"]}")
  done
}

# process UNIT: what it was started with, as far as that is known; see is_current in lib/units.bash.
process() {
  local recorded=''
  { read -r recorded <"$STATE/process"; } 2>/dev/null
  tell process "$1" "$recorded" "$(grep -aom 1 'PULUMI_SYSTEMD_HA_WITNESS=[0-9a-f]*' "/run/systemd/units/log-extra-fields:$1" 2>/dev/null)"
}

# helper: the host-side helper's files as one text, see helperListing in src/remote/bundle.ts.
helper() {
  local listing
  listing="$(cd "$HELPER" 2>/dev/null && { find . ! -type d -printf '%y %m %u:%g %P\n' && find . -type f -exec sha256sum {} +; } | sort | sha256sum)"
  id_of "$HELPER/helper"
  tell helper "${listing%% *}" "$REPLY"
}
