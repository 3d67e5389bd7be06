# What the probe collects before it tells anything: what is wanted, what stat(1) and systemd say of all that it concerns.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the arrays are read in the other files

declare -A WANTED=() TEXTS=()
# Of what is to be managed and of what the manifests say is: kind and mode by path, and the keys of a file's content.
PATHS=() UNITS=()
declare -A KIND=() MODE=() KEYS=()
# What stat(1) says, by path; ID: inode and change time.
declare -A TYPE=() FACTS=() ID=()
# The names of stored content that are its hash.
declare -A STORED=()
# What systemd says, by unit and property with a blank between.
declare -A PROPERTY=()

readonly UNIT_STATE=(LoadState ActiveState SubState NeedDaemonReload Result ExecMainStatus StateChangeTimestampMonotonic InvocationID)
# A unit that nobody has to do with.
readonly OTHER_UNIT=systemd-journald.service

# add_thing KIND PATH MODE: what is to be managed; the first word on a path counts.
add_thing() {
  case "$1" in
    unit) UNITS+=("$2") ;;
    file | directory | log)
      [[ -z "${KIND["$2"]:-}" ]] || return 0
      PATHS+=("$2")
      KIND["$2"]="$1"
      MODE["$2"]="$3"
      ;;
  esac
}

# add_text PATH TEXT: of a unit file or drop-in that is wanted.
add_text() { TEXTS["$1"]="$2"; }

# read_manifests: adds what they say is managed.
read_manifests() {
  local file kind path mode key
  for file in "$STATE"/{manifest,transaction/manifest}; do
    [[ ! -f "$file" ]] || while IFS=$'\t' read -r kind path _ mode _ _ key _; do
      [[ "$path" == /* ]] || continue
      add_thing "$kind" "$path" "$mode"
      [[ "$kind" != file ]] || KEYS["$path"]+="$key "
    done <"$file"
  done
}

# look_at PATH...: at them and at all directories above.
look_at() {
  local path type facts id
  local -A all=()
  for path in "$@"; do
    while [[ "$path" == /* ]]; do
      all["$path"]=''
      path="${path%/*}"
    done
  done
  while IFS=$'\t' read -r type facts id path; do
    TYPE["$path"]="$type" FACTS["$path"]="$facts" ID["$path"]="$id"
  done < <(stat --printf '%F\t%04a %U:%G\t%i %.Z\t%n\n' -- / "${!all[@]}" 2>/dev/null)
}

# id_of PATH: in REPLY, of it or of the nearest directory above that there is: after every loss it has changed.
id_of() {
  local path="$1"
  while [[ "$path" == /* && -z "${ID["$path"]:-}" ]]; do path="${path%/*}"; done
  REPLY="${ID["${path:-/}"]:-}"
}

# ask_systemd UNIT...: fills PROPERTY anew.
ask_systemd() {
  local line unit IFS=,
  local properties="${UNIT_STATE[*]},FragmentPath,DropInPaths,$EFFECTIVE_PROPERTIES"
  PROPERTY=()
  # A paragraph for each, in this order. It ends before what can't be a unit's name, and goes on behind it.
  while (($#)); do
    while IFS= read -r line; do
      if [[ -n "$line" ]]; then PROPERTY["${1:-} ${line%%=*}"]="${line#*=}"; else shift; fi
    done < <(systemctl show --property="$properties" -- "$@" 2>/dev/null)
    shift
  done
  for unit in "${UNITS[@]}"; do
    [[ "${PROPERTY["$unit ActiveState"]:-}" != failed ]] || ! gave_up "$unit" || PROPERTY["$unit Result"]=start-limit-hit
  done
}

# ask_enabled UNIT...: on the disk; what `show` says of it is as old as the last reload.
ask_enabled() {
  local unit states
  mapfile -t states < <(systemctl is-enabled -- "$@" 2>/dev/null)
  for unit in "$@"; do
    # Whose answer is which isn't sure: systemd 252 ends at a unit that isn't there, and those of SysV scripts come first.
    if [[ "${#states[@]} ${states[*]}" =~ ^"$#"(" enabled")+$ ]]; then
      PROPERTY["$unit UnitFileState"]=enabled
    else
      PROPERTY["$unit UnitFileState"]="$(systemctl is-enabled -- "$unit" 2>/dev/null)"
    fi
  done
}

# look_at_units: at all that something is said of.
look_at_units() {
  local path unit
  local -A all=(["$OTHER_UNIT"]='')
  for path in "${!TEXTS[@]}"; do all["$(unit_of "$path")"]=''; done
  for unit in "${OWN_UNITS[@]}" "${UNITS[@]}" ${WANTED[host_units]:-}; do all["$unit"]=''; done
  ask_systemd "${!all[@]}"
  # Between two attempts it's neither up nor down; and one that is just being restarted comes up by itself.
  if is_any_between_states; then
    sleep 2
    ask_systemd "${!all[@]}"
  fi
  ((${#UNITS[@]} == 0)) || ask_enabled "${UNITS[@]}"
}

is_any_between_states() {
  local unit
  for unit in "${UNITS[@]}"; do
    [[ ! "${PROPERTY["$unit ActiveState"]:-}" =~ ^(activating|deactivating|reloading)$ ]] || return 0
  done
  return 1
}
