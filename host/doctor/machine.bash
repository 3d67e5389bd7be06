# What the doctor's collector tells of the machine itself.
# shellcheck shell=bash

# tell_disks PATH...: the file systems that they are on, once each: size and free in KiB for those who aren't root, inodes. Of a
# path that isn't there yet, the one of the nearest directory above.
tell_disks() {
  local path paths=() size free inodes inodes_free target
  for path in "$@"; do
    while [[ -n "$path" && ! -e "$path" ]]; do path="${path%/*}"; done
    paths+=("${path:-/}")
  done
  # A dead network file system must not hold up the rest.
  timeout 5 df --block-size=1024 --output=size,avail,itotal,iavail,target -- "${paths[@]}" 2>/dev/null | sort -u |
    while read -r size free inodes inodes_free target; do
      [[ ! "$size" =~ ^[0-9]+$ ]] || tell disk "$target" "$size" "$free" "$inodes" "$inodes_free"
    done
}

# tell_memory: total and available, in KiB.
tell_memory() {
  local name value total='' available=''
  while read -r name value _; do
    case "$name" in
      MemTotal:) total="$value" ;;
      MemAvailable:) available="$value" ;;
    esac
  done </proc/meminfo
  tell memory "$total" "$available"
}

# tell_clock: whether it's kept right by NTP. A container's is its machine's.
tell_clock() {
  tell clock "$(timeout 5 timedatectl show --property=NTPSynchronized --value 2>/dev/null)" "$(systemd-detect-virt --container 2>/dev/null)"
}
