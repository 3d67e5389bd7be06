# What a unit really is, beside what was installed. The helper, host/probe and host/doctor share it; it needs nothing else.
# shellcheck shell=bash

# settings_of: stdin's assignments, as lines of section, key and value. See systemd.syntax(7).
settings_of() {
  { cat && printf '\n\n'; } | awk '
    /^[[:space:]]*[#;]/ { next }
    { line = joined $0; joined = "" }
    line ~ /\\$/ { joined = substr(line, 1, length(line) - 1) " "; next }
    { sub(/^[[:space:]]+/, "", line); sub(/[[:space:]]+$/, "", line) }
    line ~ /^\[.*\]$/ { section = substr(line, 2, length(line) - 2); next }
    at = index(line, "=") {
      key = substr(line, 1, at - 1); value = substr(line, at + 1)
      sub(/[[:space:]]+$/, "", key); sub(/^[[:space:]]+/, "", value)
      print section "\037" key "\037" value
    }'
}

# contradictions OURS FOREIGN: what FOREIGN sets otherwise than OURS (both as settings_of prints them). What only adds to a
# list or describes doesn't count; of the environment, only the variables that are ours.
contradictions() {
  awk -F '\037' '
    # The assignments of an Environment= value, quoted or not, as keys of variables[].
    function assignments(value, variables,   i, letter, quote, word) {
      word = ""; quote = ""
      for (i = 1; i <= length(value) + 1; i++) {
        letter = substr(value, i, 1)
        if (quote != "" && letter == quote) quote = ""
        else if (quote == "" && letter ~ /["\047]/) quote = letter
        else if (i > length(value) || (quote == "" && letter ~ /[[:space:]]/)) {
          if (word != "") { sub(/=.*/, "", word); variables[word] }
          word = ""
        } else word = word letter
      }
    }
    function are_ours(value,   theirs, name) {
      split("", theirs)
      assignments(value, theirs)
      for (name in theirs) if (name in ours_variables) return 1
      return 0
    }
    $2 ~ /^(Description|Documentation|After|Before|Wants|Requires|LogExtraFields)$/ || $1 == "Install" { next }
    NR == FNR { ours[$1, $2]; values[$1, $2, $3]; if ($2 == "Environment") assignments($3, ours_variables); next }
    !(($1, $2) in ours) || ($1, $2, $3) in values { next }
    $2 == "Environment" && $3 != "" && !are_ours($3) { next }
    $2 == "ConditionPathExists" && $3 != "" { next }
    { print }' "$1" "$2"
}

# unit_of PATH: the unit that a unit file or drop-in below /etc/systemd/system is of; else nothing.
unit_of() {
  local name="${1#/etc/systemd/system/}"
  [[ "$name" != "$1" ]] || return 0
  printf '%s' "${name%.d/*}"
}

# foreign_drop_ins UNIT OURS [LOADED]: of others than us, also those which systemd hasn't loaded yet; not what is overruled by
# OURS, our own file, anyway and can't be moved: a package's. LOADED: the unit's DropInPaths, from who has asked already.
foreign_drop_ins() {
  local unit="$1" ours="$2" path loaded found=()
  for path in /{etc,run}/systemd/{system,system.control}/"$unit".d/*.conf /run/systemd/transient/"$unit".d/*.conf; do
    [[ ! -f "$path" || "$path" == "$ours" ]] || found+=("$path")
  done
  read -ra loaded <<<"${3-$(systemctl show --property=DropInPaths --value -- "$unit" 2>/dev/null)}"
  for path in "${loaded[@]}"; do
    is_movable "$unit" "$path" || [[ ! -f "$path" || "$path" == "$ours" || "$ours" == *.d/* && "${path##*/}" < "${ours##*/}" ]] || found+=("$path")
  done
  ((${#found[@]} == 0)) || printf '%s\n' "${found[@]}" | sort -u
}

# masks_of OURS: links to /dev/null by which systemd passes over our drop-in.
masks_of() {
  local path
  [[ "$1" == *.d/* ]] || return 0
  for path in /{etc,run}/systemd/system.control/"${1#/etc/systemd/system/}"; do
    [[ ! -L "$path" || "$(readlink "$path")" != /dev/null ]] || printf '%s\n' "$path"
  done
}

# is_movable UNIT PATH: a drop-in of this unit alone which somebody made on this host.
is_movable() {
  case "$2" in
    /etc/systemd/system/"$1".d/* | /etc/systemd/system.control/"$1".d/* | /run/systemd/*/"$1".d/*) return 0 ;;
    *) return 1 ;;
  esac
}

# overrides_of OURS [LOADED] < its text: what stands against our unit file or drop-in OURS, in lines of path, section, key, value.
overrides_of() {
  local ours path line foreign
  mapfile -t foreign < <(foreign_drop_ins "$(unit_of "$1")" "$@")
  ((${#foreign[@]} == 0)) || ours="$(settings_of)"
  for path in "${foreign[@]}"; do
    contradictions <(printf '%s\n' "$ours") <(settings_of <"$path") | while IFS= read -r line; do printf '%s\037%s\n' "$path" "$line"; done
  done
  while IFS= read -r path; do printf '%s\037\037\037\n' "$path"; done < <(masks_of "$1")
}

# gave_up UNIT: whether a unit that failed is kept down by its start limit. systemd 257 leaves in Result how the process had ended
# before; so what it said last counts.
gave_up() { journalctl --quiet --boot --lines=4 --output=cat _PID=1 "UNIT=$1" 2>/dev/null | grep -q 'Start request repeated too quickly'; }

# When and how often systemd starts a unit again.
readonly EFFECTIVE_PROPERTIES=Restart,RestartUSec,StartLimitIntervalUSec,StartLimitBurst,AccuracyUSec

# effective_properties UNIT: what systemd does when it ends, and how often.
effective_properties() {
  systemctl show --property="$EFFECTIVE_PROPERTIES" -- "$1" 2>/dev/null
}

# process_properties UNIT: what a process that systemd starts now would get. Without Group= it's the user's own.
process_properties() {
  local properties user
  properties="$(systemctl show --property=User,Group,WorkingDirectory,Environment,EnvironmentFiles,ExecStart,StandardOutput,StandardError -- "$1" 2>/dev/null | sed 's/ ; ignore_errors=.*//')"
  user="$(sed -n 's/^User=//p' <<<"$properties")"
  {
    grep -v '^Group=$' <<<"$properties" || true
    grep -q '^Group=.' <<<"$properties" || printf 'Group=%s\n' "$(id -gn -- "${user:-root}" 2>/dev/null)"
  } | sort
}

# unsafe_ancestors PATH: directories above it in which somebody else than root could put another one into its place.
unsafe_ancestors() {
  local directory user owner mode directories=()
  for directory in "$1" "$(readlink -f -- "$1")"; do
    while directory="${directory%/*}" && [[ -n "$directory" ]]; do directories+=("$directory"); done
  done
  ((${#directories[@]})) || return 0
  # Some may not be there.
  { stat -L -c '%u %U %a %n' -- "${directories[@]}" 2>/dev/null || true; } | while read -r user owner mode directory; do
    ((user == 0)) && ! { ((8#$mode & 8#022)) && ! ((8#$mode & 8#1000)); } || printf '%s %s %s\n' "$directory" "$owner" "$mode"
  done | sort -u
}

# as_service USER GROUP COMMAND...: as a service's process would.
as_service() { setpriv --reuid="$1" --regid="${2:-$1}" --init-groups -- "${@:3}" 2>/dev/null; }

# noted_by_check NAME: what the health check has put down; with a full disk, below /run.
noted_by_check() { { tail -c 65536 -- "/run/pulumi-systemd-ha-$SERVICE/$1" || tail -c 65536 -- "/var/lib/pulumi-systemd-ha/$SERVICE/$1"; } 2>/dev/null | tr -d '\000'; }

# has_persistent_journal: journald writes below /run where it may not, or can't yet, write below /var.
has_persistent_journal() {
  local id=''
  { read -r id </etc/machine-id; } 2>/dev/null
  [[ -e "/var/log/journal/$id/system.journal" && ! -e "/run/log/journal/$id/system.journal" ]]
}
