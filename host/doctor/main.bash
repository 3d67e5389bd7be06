# Looks for what is wrong with a service on its host, layer by layer, and changes nothing there. Sent by scripts/doctor as
# `bash -s -- NAME=VALUE...`: lib/observe.bash, lib/log.bash, probe/tell.bash, the files of this folder with this one last, and a last
# line `main "$@"`. Prints lines of tab-separated columns, read by scripts/lib/doctor/facts.ts, where they are judged. What the probe
# tells already isn't asked again.
#
# Arguments: service, unit, user, group, directory, executable, units (with blanks between), timer, check_unit, health_log, error_log,
# service_logs (with blanks between), logs_by (user or systemd), app_url, proxy_url, external_url, expect_text, timeout_sec
# shellcheck shell=bash
# shellcheck disable=SC2034 # what main sets is read in the other files
set -uo pipefail
export LC_ALL=C

declare -A WANTED=()

main() {
  local argument unit key answer answers=()
  for argument in "$@"; do WANTED["${argument%%=*}"]="${argument#*=}"; done
  readonly SERVICE="${WANTED[service]}" STATE="/var/lib/pulumi-systemd-ha/${WANTED[service]}"
  # What may take long goes on meanwhile: three answers that don't come would be three times the limit.
  for key in app proxy external; do
    [[ -z "${WANTED[${key}_url]:-}" ]] || { exec {answer}< <(ask_url "$key" "${WANTED[${key}_url]}") && answers+=("$answer"); }
  done
  [[ -z "${WANTED[external_url]:-}" ]] || { exec {answer}< <(tell_name "${WANTED[external_url]}" && tell_certificate "${WANTED[external_url]}") && answers+=("$answer"); }
  tell_disks "${WANTED[directory]}" "${WANTED[health_log]%/*}" "$STATE" /var/log /run /tmp /var/tmp /etc /
  tell_memory
  tell_clock
  for unit in ${WANTED[units]} "${WANTED[check_unit]}"; do tell_unit "$unit"; done
  tell_proxy_configuration
  tell_error_log "${WANTED[error_log]}" "${WANTED[unit]}"
  tell_timer "${WANTED[timer]}" "${WANTED[check_unit]}"
  tell_repairs
  tell_closed
  tell_logs
  tell_databases
  for answer in "${answers[@]}"; do cat <&"$answer"; done
  # The answer is complete only with its last line.
  tell end yes
}
