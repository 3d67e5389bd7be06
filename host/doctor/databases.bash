# What the doctor's collector tells of SQLite databases below the service's directory: who has them open, who has one locked for
# writing, and whether the service complains.
# shellcheck shell=bash

readonly MAX_DATABASES=10 LOOK_AGAIN_SEC=1

tell_databases() {
  local file directory files=() first
  directory="$(readlink -f -- "${WANTED[directory]}")"
  mapfile -d '' -t files < <(timeout 5 find "$directory" -xdev -maxdepth 4 -type f \( -name '*.db' -o -name '*.sqlite' -o -name '*.sqlite3' \) -print0 2>/dev/null | head -z -n "$MAX_DATABASES")
  ((${#files[@]})) || return 0
  for file in "${files[@]}"; do
    tell database "$file" "$(stat -c %s -- "$file-wal" 2>/dev/null)" "$(if as_user test -w "$file"; then echo yes; else echo no; fi)" \
      "$(stat -c '%U:%G %04a' -- "$file" 2>/dev/null)"
  done
  tell_holders "$directory" "${files[@]}"
  # Any write locks for a moment: only what is locked at two looks is worth a word.
  first="$(locks_of "${files[@]}")"
  [[ -z "$first" ]] || { sleep "$LOOK_AGAIN_SEC" && comm -12 <(printf '%s\n' "$first") <(locks_of "${files[@]}") | sed 's/^/lock\t/'; }
  tell locked_words "$(complaints)"
}

# tell_holders DIRECTORY FILE...: the processes which have the file, its -wal or its -shm open.
tell_holders() {
  local directory="$1" pid target file name cgroup
  local -A known=() told=()
  shift
  for file in "$@"; do known["$file"]="$file" known["$file-wal"]="$file" known["$file-shm"]="$file"; done
  while IFS=$'\t' read -r pid target; do
    file="${known["$target"]:-}" pid="${pid#/proc/}" pid="${pid%%/*}"
    [[ -n "$file" && -z "${told["$pid $file"]:-}" ]] || continue
    told["$pid $file"]=yes name=unknown cgroup=()
    { read -r name <"/proc/$pid/comm" && mapfile -t cgroup <"/proc/$pid/cgroup"; } 2>/dev/null
    tell holder "$file" "$pid" "$name" "$(stat -c %U -- "/proc/$pid" 2>/dev/null)" "${cgroup[*]}"
  done < <(timeout 10 find /proc/[0-9]*/fd -lname "$directory/*" -printf '%p\t%l\n' 2>/dev/null)
}

# locks_of FILE...: lines of the file and the id of a process that has it locked for writing; sorted. Where SQLite puts its locks: see
# os.h and wal.c of SQLite: from the byte 0x40000000 on in the file itself, in WAL mode the byte 120 of the -shm.
locks_of() {
  local file
  for file in "$@"; do
    printf '%s\t%s\t%s\n' "$file" "$(stat -c %i -- "$file" 2>/dev/null)" "$(stat -c %i -- "$file-shm" 2>/dev/null)"
  done | awk -F '\t' '
    NR == FNR { if ($2 != "") of[$2] = $1; if ($3 != "") { of[$3] = $1; shm[$3] } next }
    {
      split($0, word, " ")
      inode = word[6]; sub(/.*:/, "", inode)
      if (word[2] !~ /^(POSIX|OFDLCK)$/ || word[4] != "WRITE" || !(inode in of)) next
      start = word[7] + 0; end = word[8] == "EOF" ? 2 ^ 62 : word[8] + 0
      if (inode in shm ? start <= 120 && end >= 120 : end >= 1073741824 && start <= 1073742335) print of[inode] "\t" word[5]
    }' - /proc/locks | sort -u
}

# complaints: how often the service said lately that a database is locked.
complaints() {
  {
    timeout 5 journalctl --quiet --no-pager --output=cat --since=-1h --lines=2000 _SYSTEMD_UNIT="${WANTED[unit]}" 2>/dev/null
    ! is_fresh "${WANTED[error_log]}" || tail -n 200 -- "${WANTED[error_log]}" 2>/dev/null
  } | grep -cF 'database is locked'
}
