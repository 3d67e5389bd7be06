# Looks at a host: what it has of what a service needs, what is installed there, and what of that isn't as
# it was installed. Sent over the first connection as `bash -s -- NAME=VALUE...`: lib/observe.bash, the files of this folder with
# this one last, the calls of add_thing and add_text, and a last line `main "$@"`. Prints lines of tab-separated columns, read by
# src/drift/observedHost.ts. It changes nothing but this: called by a real update, not by a preview, it leaves notes in /run: who
# updates, and what other hosts have.
#
# Every preview waits for it. So what a program knows of many things is asked at once and kept in the arrays of look.bash, and what
# bash can do by itself it does: a process costs a millisecond or two, a question to systemd ten.
#
# Arguments: service, version, user, group, directory, executable, port, unit, proxy_unit, proxy_port, host_units (with blanks
# between); of an update also note_user, note_commit, note_others
# shellcheck shell=bash
# shellcheck disable=SC2034 # what main sets is read in the other files
set -uo pipefail
export LC_ALL=C

# leave_note: who updates, from which commit, for `install` (lib/history.bash); what other hosts have, for errors (lib/log.bash).
leave_note() {
  local others="/run/pulumi-systemd-ha.others-${WANTED[service]}"
  [[ -n "${WANTED[note_user]:-}" ]] || return 0
  put_note "/run/pulumi-systemd-ha.note-${WANTED[service]}" "${WANTED[note_user]}"$'\t'"${WANTED[note_commit]:-}"
  if [[ -n "${WANTED[note_others]:-}" ]]; then put_note "$others" "${WANTED[note_others]}"; else rm -f "$others"; fi
}

# put_note PATH LINE: for root alone, and not through a link.
put_note() {
  local new
  { new="$(mktemp /run/pulumi-systemd-ha.XXXXXX)" && printf '%s\n' "$2" >"$new" && mv -fT "$new" "$1"; } 2>/dev/null
}

main() {
  local argument
  for argument in "$@"; do WANTED["${argument%%=*}"]="${argument#*=}"; done
  readonly STATE="/var/lib/pulumi-systemd-ha/${WANTED[service]}" HELPER="/usr/local/lib/pulumi-systemd-ha/${WANTED[version]:-}"
  readonly OWN_UNITS=("${WANTED[service]}.service" "${WANTED[service]}-health-check.service" "${WANTED[service]}-health-check.timer")
  leave_note
  read_manifests
  look_at "${PATHS[@]}" "${WANTED[directory]}" "$STATE" "$HELPER/helper"
  look_at_units
  system
  service
  names
  proxy_and_tunnel
  writable
  managed
  staged
  for argument in "${PATHS[@]}"; do thing "$argument"; done
  units
  overrides
  process "${WANTED[unit]}"
  helper
  # The answer is complete only with its last line.
  tell end yes
}
