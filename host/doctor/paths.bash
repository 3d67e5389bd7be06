# What the doctor's collector tells of paths: what the service's user can't use, and logs that can't be written.
# shellcheck shell=bash

readonly MAX_CLOSED=5

as_user() { as_service "${WANTED[user]}" "${WANTED[group]}" "$@"; }

# tell_closed: what is closed to the service's user: a directory on the way, the program, or something below the directory. What isn't
# there is told by the first look (src/drift/preflight.ts).
tell_closed() {
  local path executable="${WANTED[executable]}"
  getent passwd "${WANTED[user]}" >/dev/null 2>&1 || return 0
  can_enter "${WANTED[directory]}" || return 0
  [[ ! -e "$executable" ]] || ! can_enter "${executable%/*}" || as_user test -x "$executable" || closed "$executable" execute
  tell_interpreter "$executable"
  # A dangling link can't be read either, and bin/ is root's.
  while IFS= read -r -d '' path; do closed "$path" read; done < <(
    as_user timeout 5 find "${WANTED[directory]}" -xdev -maxdepth 5 \( -path "${WANTED[directory]}/bin" -o -name .git \) -prune -o \
      ! -type l \( ! -readable -o -type d ! -executable \) -print0 2>/dev/null | head -z -n "$MAX_CLOSED"
  )
}

# tell_interpreter SCRIPT: what its first line names, if that isn't there: of such a script the kernel says "No such file or directory".
tell_interpreter() {
  local line interpreter
  line="$(head -c 200 -- "$1" 2>/dev/null | tr -d '\0' | head -n 1)"
  [[ "$line" == '#!'* ]] || return 0
  read -r interpreter _ <<<"${line#??}"
  [[ -e "$interpreter" ]] || tell interpreter "$interpreter"
}

# can_enter DIRECTORY: tells the first on the way that is closed.
can_enter() {
  local path="$1" way=()
  while [[ "$path" == /* ]]; do
    way=("$path" "${way[@]}")
    path="${path%/*}"
  done
  for path in "${way[@]}"; do
    [[ -e "$path" ]] || return
    as_user test -x "$path" || { closed "$path" enter && return 1; }
  done
}

# closed PATH WHAT: with its owner and mode, and whether it stands where only root can put something else into its place.
closed() { tell closed "$1" "$2" "$(stat -c '%U:%G %04a' -- "$1" 2>/dev/null)" "$([[ -L "$1" || -n "$(unsafe_ancestors "$1")" ]] || echo fixed)"; }

# tell_log PATH COMMAND...: whether it can be written by who runs the command. It's opened for that, and nothing is written or made.
tell_log() {
  local path="$1" said=''
  shift
  if [[ ! -e "$path" ]]; then
    said="there is no such file"
  elif [[ -L "$path" ]]; then
    # It may be written through, and is told as drift.
    said=""
  elif [[ ! -f "$path" ]]; then
    said="it's no regular file"
  elif ! said="$("$@" 2>&1)"; then
    said="${said##*: }"
  fi
  tell log "$path" "$said"
}

# open_log PATH: dd writes nothing of nothing, and truncates nothing.
open_log() { dd if=/dev/null of="$1" conv=nocreat,notrunc oflag=append,nofollow,nonblock status=none; }

tell_logs() {
  local path
  for path in ${WANTED[service_logs]:-}; do
    if [[ "${WANTED[logs_by]:-}" == user ]]; then
      tell_log "$path" setpriv --reuid="${WANTED[user]}" --regid="${WANTED[group]}" --init-groups -- bash -c "$(declare -f open_log); open_log \"\$1\"" open_log "$path"
    else
      tell_log "$path" open_log "$path"
    fi
  done
  tell_log "${WANTED[health_log]}" open_log "${WANTED[health_log]}"
}
