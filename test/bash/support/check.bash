# The health check with a test's settings, on a host that is only a folder.
# shellcheck shell=bash

# healthy_host: the seed's server, all of it well.
healthy_host() {
  new_host
  CHECK="$ROOT/srv/shop/health-check.sh"
  LOG="$ROOT/srv/shop/logs/health-check.log"
  STATE="$ROOT/var/lib/pulumi-systemd-ha/rps"
  mkdir -p "$STATE" "${LOG%/*}"
  set_unit rps.service ActiveState=active
  set_unit apache2.service ActiveState=active
  answer 5137 "200 Welcome"
  answer 8087 "200 Welcome"
  answer rps.pan2.app "200 Welcome"
  render
}

# render [SETTING=VALUE...]: the script as src/render/files.ts would make it.
render() {
  local -A settings=(
    [name]=rps [appUnit]=rps.service [appUrl]=http://127.0.0.1:5137/ [proxyUnit]=apache2.service [proxyUrl]=http://127.0.0.1:8087/
    [tunnelUnit]='' [externalUrl]=https://rps.pan2.app [expectStatus]=200 [expectText]='' [timeoutSec]=10 [retries]=2
    [healthyWithinSec]=1 [failuresBeforeRepair]=1 [maxRepairs]=3 [repairWindowSec]=3600 [log]="$LOG"
    [proxyDependsOn]=app [externalDependsOn]=proxy [alertsFile]='' [helper]=/usr/local/lib/pulumi-systemd-ha/1/helper
  )
  local assignment line
  for assignment in "$@"; do settings["${assignment%%=*}"]="${assignment#*=}"; done
  while IFS= read -r line; do
    if [[ "$line" =~ ^\{\{\>\ ([a-z/-]+)\}\}$ ]]; then
      cat "$PROJECT/templates/${BASH_REMATCH[1]}.bash"
      continue
    fi
    if [[ "$line" =~ ^(.*)\{\{shellWord\ ([a-zA-Z]+)\}\}(.*)$ ]]; then
      line="${BASH_REMATCH[1]}'${settings[${BASH_REMATCH[2]}]//\'/\'\\\'\'}'${BASH_REMATCH[3]}"
    fi
    printf '%s\n' "$line"
  done <"$PROJECT/templates/health-check.sh.hbs" >"$CHECK"
  chmod 0755 "$CHECK"
  relocate "$CHECK"
  # Elsewhere than in CI, the tests may run as anybody.
  sed -i "s/((EUID != 0))/((EUID != $EUID))/" "$CHECK"
}

# answer PORT-or-HOST TEXT...: how it answers, see the curl stub; after a restart of a unit: answer_after UNIT PORT TEXT.
answer() { printf '%s\n' "${@:2}" >"$ROOT/http/$1"; }
answer_after() {
  mkdir -p "$ROOT/systemd/$1/answers"
  printf '%s\n' "$3" >"$ROOT/systemd/$1/answers/$2"
}

# check CODE [ARGUMENT...]: runs it; exit code CODE, nothing on stderr.
check() {
  local code="$1"
  shift
  run --separate-stderr "$CHECK" "$@"
  equal "$status$stderr" "$code"
}

# logged LINES: what the last check logged, without the times; it said the same to its caller.
logged() {
  equal "$(sed -E 's/^\[[^]]*\] //' <<<"$output")" "$1"
  equal "$(tail -n "${#lines[@]}" "$LOG")" "$output"
}

restarts() { calls ' restart ' | sed 's/.* -- //' | xargs; }
saved() { awk -v key="$1" '$1 == key { sub(/^[^ ]* /, ""); print }' "$STATE/health"; }
