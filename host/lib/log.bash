# Messages, failures and the record of what each step did.
# shellcheck shell=bash

# Exit codes of the helper; the library's errors name them (src/errors.ts).
# shellcheck disable=SC2034 # read by the other files of this folder
readonly EXIT_FAILED=1 EXIT_USAGE=2 EXIT_REFUSED=4 EXIT_SUPERSEDED=5 EXIT_ROLLED_BACK=6

# say SENTENCE: one short line on stdout. A lost connection must not end a step half way: EPIPE is ignored.
say() { printf '%s\n' "$*" 2>/dev/null || true; }

# fail CODE SENTENCE: the reason, recorded on the host (a failed command leaves nothing in the state) and said.
fail() {
  local code="$1"
  shift
  FAILURE="$*"
  record "$code" "$*"
  printf '%s\n' "$*" >&2 || true
  exit "$code"
}

# others_file: what other hosts have in this update; the probe of a real update leaves it.
others_file() { echo "/run/pulumi-systemd-ha.others-$SERVICE"; }

# say_of_others: after a failure in an update of several hosts.
say_of_others() { [[ ! -s "$(others_file)" ]] || head -n 1 "$(others_file)" | safe_lines >&2 || true; }

# record CODE SENTENCE: one line a step in SERVICE_DIR/steps: time, verb, subject, exit code, sentence.
# The disk may be full, and the first steps come before the directory: neither may hide the real reason.
record() {
  [[ -d "${SERVICE_DIR:-}" ]] || return 0
  { printf '%(%Y-%m-%dT%H:%M:%S%z)T\t%s\t%s\t%s\t%s\n' -1 "${VERB:--}" "${SUBJECT:--}" "$1" "${2%%$'\n'*}" >>"$SERVICE_DIR/steps"; } 2>/dev/null || true
}

# safe_lines: stdin without control characters and with long lines cut, for the operator's terminal.
# A line of 64 KiB and more would hang the command plugin, see docs/architecture.md.
safe_lines() { LC_ALL=C tr -d '\000-\010\013-\037\177' | cut -c1-400; }

# last_journal_lines UNIT [SINCE]: why a unit failed, in its own words; systemd's accounting lines say nothing about it. SINCE: in
# seconds since 1970.
last_journal_lines() {
  timeout 10 journalctl --unit="$1" ${2:+--since="@$2"} --lines=40 --no-pager --output=cat --quiet 2>/dev/null |
    grep -vE 'Consumed .* CPU time|Unit process .* remains running|Failed to (kill|attach|set) .*cgroup' |
    tail -n 20 | safe_lines | mask_secrets
}

# last_words UNIT: nobody should have to log in for them. Of our own service its error log too.
last_words() {
  local log manifest
  manifest="$(current_manifest)"
  printf 'last lines of journalctl -u %s:\n' "$1"
  last_journal_lines "$1" | sed 's/^/  /'
  [[ "$1" == "$(service_unit_of "$manifest")" ]] || return 0
  while IFS=$'\037' read -r _ log _; do
    [[ "$log" == *-error.log && -s "$log" && ! -L "$log" ]] || continue
    printf 'last lines of %s:\n' "$log"
    tail -n 12 -- "$log" | safe_lines | mask_secrets | sed 's/^/  /'
  done < <(manifest_rows "$manifest" log)
}

# mask_secrets: a service may say what it was given; the operator's terminal and CI's log needn't.
mask_secrets() {
  local text value
  text="$(cat)"
  while IFS= read -r value; do
    # The file has them in double quotes, escaped.
    value="$(sed 's/^[^=]*="\(.*\)"$/\1/; s/\\\(.\)/\1/g' <<<"$value")"
    [[ "${#value}" -lt 4 ]] || text="${text//"$value"/[masked]}"
  done < <(cat "/etc/pulumi-systemd-ha/$SERVICE".{env,alerts} 2>/dev/null)
  [[ -z "$text" ]] || printf '%s\n' "$text"
}
