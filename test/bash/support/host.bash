# A host that is only a folder: a copy of host/ whose paths lie below $ROOT, and stubs of systemd's commands.
# shellcheck shell=bash
bats_require_minimum_version 1.5.0

PROJECT="${PROJECT:-$(cd "${BATS_TEST_DIRNAME:?}/../.." && pwd)}"
# The owner of whatever is made here: root in CI, anybody elsewhere.
OWNER="$(id -un):$(id -gn)"
# Real programs, where a stub has the plain name.
REAL_SLEEP="$(type -P sleep)"
export REAL_SLEEP

# new_host [ROOT]: a fresh one. Locks are waited for a moment only.
new_host() {
  export ROOT="${1:-$BATS_TEST_TMPDIR/host}"
  STATE_DIR="$ROOT/var/lib/pulumi-systemd-ha"
  SERVICE_DIR="$STATE_DIR/shop"
  UNITS="$ROOT/etc/systemd/system"
  APP="$ROOT/srv/shop"
  ASIDE="$ROOT/var/backups/pulumi-systemd-ha/shop"
  mkdir -p "$ROOT"/{run/systemd/{units,system},var/{lib,backups},usr/local/lib,etc/systemd/system,etc/logrotate.d,systemd,http,tmp} "$APP"
  cp -r "$PROJECT/host" "$ROOT/host"
  # Elsewhere than in CI, the tests may run as anybody.
  relocate "$ROOT/host/helper" "$ROOT"/host/{,probe/,doctor/,lib/}*.bash \
    -e 's/\bLOCK_WAIT_SEC=[0-9]*/LOCK_WAIT_SEC=0.3/; s/ROLLBACK_LOCK_WAIT_SEC=[0-9]*/ROLLBACK_LOCK_WAIT_SEC=20/' \
    -e "s/\(\(EUID == 0\)\)/((EUID == $EUID))/"
  HELPER="$ROOT/host/helper"
  PATH="$PROJECT/test/bash/support/stubs:$PATH"
}

# short_limits: for tests that wait for a step's time limit.
short_limits() {
  sed -i 's/^readonly LIMIT_SEC=.*/readonly LIMIT_SEC=2 WAITING_LIMIT_SEC=3/' "$HELPER"
  sed -i 's/RELOAD_LIMIT_SEC=60/RELOAD_LIMIT_SEC=1/' "$ROOT/host/lib/rollback.bash"
}

# as_another_user: the helper and its bootstrap run as somebody who isn't root until the sudo stub made them so.
as_another_user() { sed -i "s/((EUID == $EUID))/[[ -n \"\${BECAME_ROOT:-}\" ]]/" "$ROOT"/host/{helper,bootstrap.bash}; }

# relocate FILE... [-e SCRIPT]...: every path of a real host that host/ or the health check names goes below $ROOT.
relocate() {
  local paths='var/lib|var/backups|usr/local/lib|etc/systemd|etc/pulumi-systemd-ha|etc/logrotate\.d|\{etc,run\}/systemd|run'
  sed -E -i -e "s#(^|[^A-Za-z0-9_.}/-])/($paths)\b#\1$ROOT/\2#g" "$@"
}

# manifest < rows with `|` between the columns: a whole manifest, in $ROOT/manifest. STACK and WITHIN where they matter.
manifest() {
  {
    printf 'pulumi-systemd-ha-manifest|1|shop|%s\n' "${STACK:-test/stack}"
    cat
    setting_row healthyWithinSec "${WITHIN:-5}"
    setting_row confirmWithinSec 10
    setting_row healthCheckScript "$ROOT/check"
  } | tr '|' '\t' >"$ROOT/manifest"
}
revision() { sha256sum "$ROOT/manifest" | cut -c1-16; }

# Rows of a manifest.
directory_row() { printf 'directory|%s|-|%s|%s|-|-|-\n' "$1" "${2:-0755}" "${3:-$OWNER}"; }
log_row() { printf 'log|%s|-|%s|%s|-|-|-\n' "$1" "${2:-0640}" "${3:-$OWNER}"; }
unit_row() { printf 'unit|%s|-|-|-|-|%s|%s\n' "$1" "${2:-service}" "${3:-ours}"; }
setting_row() { printf 'setting|%s|-|-|-|-|%s|-\n' "$1" "$2"; }
# file_row PATH CONTENT [MODE]: stages the content too.
file_row() {
  local key
  key="$(sha256 "$2")"
  mkdir -p "$SERVICE_DIR/stage" && printf '%s\n' "$2" >"$SERVICE_DIR/stage/$key"
  printf 'file|%s|%s|%s|%s|-|%s|-\n' "$1" "$key" "${3:-0644}" "$OWNER" "$key"
}

sha256() { printf '%s\n' "$1" | sha256sum | cut -d' ' -f1; }

# The calls, as the library makes them: a revision line on stdin.
helper() { "$HELPER" "$@"; }
install_manifest() { cat <(echo "revision $(revision)") "$ROOT/manifest" | helper install shop --transaction "${1:-aaaa}"; }
# stage PATH [ID] < content.
stage() { helper stage shop "$1" --revision "${2:-1a2b}"; }
# step VERB [UNIT]: one of the steps after install.
step() { echo "revision $(revision)" | helper "$1" shop "${@:2}" --transaction "${TRANSACTION:-aaaa}"; }

# expire: the open update's deadline is over; another_boot: it's one of before a reboot.
expire() { printf '%s 0\n' "$(</proc/sys/kernel/random/boot_id)" >"$SERVICE_DIR/transaction/deadline"; }
another_boot() { printf '%s 99999999\n' 00000000-0000-0000-0000-000000000000 >"$SERVICE_DIR/transaction/deadline"; }
# watch [ID], recover: as systemd starts them.
watch() { PULUMI_SYSTEMD_HA_TIMED=0 helper watch shop --transaction "${1:-aaaa}" </dev/null; }
recover() { helper recover shop </dev/null; }

# settle < rows: installed and confirmed.
settle() {
  manifest
  { install_manifest && step daemon-reload && step confirm; } >/dev/null
}

# app_unit WITNESS: text of a unit file that carries it, as templates/app.service.hbs does.
app_unit() { printf '[Service]\nExecStart=/bin/true\nLogExtraFields=PULUMI_SYSTEMD_HA_WITNESS=%s\n' "$1"; }

# drop_in UNIT NAME LINE...: one that somebody made on the host.
drop_in() {
  mkdir -p "$UNITS/$1.d"
  printf '%s\n' "${@:3}" >"$UNITS/$1.d/$2"
}

# kept: what lies in /var/backups, without the times and $ROOT; kept_as PATH: where the copy of that is.
kept() { find "$ASIDE" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sed -E "s/^[0-9]{8}-[0-9]{6}${ROOT//\//-}//" | sort; }
kept_as() { find "$ASIDE" -mindepth 1 -maxdepth 1 -name "[0-9]*${1//\//-}" | head -n 1; }

# set_unit UNIT PROPERTY=VALUE...: what the systemctl stub says of it.
set_unit() {
  local directory="$ROOT/systemd/$1" assignment
  mkdir -p "$directory"
  shift
  for assignment in "$@"; do printf '%s\n' "${assignment#*=}" >"$directory/${assignment%%=*}"; done
}

# calls [PATTERN]: the commands that the stubs saw.
calls() { grep -E -- "${1:-.}" "$ROOT/calls" || true; }
count_calls() { calls "$1" | wc -l; }
forget_calls() { : >"$ROOT/calls"; }

# record_of PATTERN: the lines that the helper left on the host.
record_of() { cut -f2- "$SERVICE_DIR/steps" | grep -E -- "$1"; }

# Assertions: what is compared is shown when it differs.
equal() {
  [[ "$1" == "$2" ]] || {
    printf 'expected: %s\nobserved: %s\n' "$2" "$1" >&2
    return 1
  }
}
has() {
  [[ "$1" == *"$2"* ]] || {
    printf 'expected to contain: %s\nobserved: %s\n' "$2" "$1" >&2
    return 1
  }
}
file_is() { equal "$(cat "$1")" "$2"; }
absent() { [[ ! -e "$1" && ! -L "$1" ]] || { echo "$1 is there" >&2 && return 1; }; }
# fails CODE COMMAND...: with that exit code and exactly one line on stderr, which is in $stderr.
fails() {
  local code="$1"
  shift
  run --separate-stderr -- "$@"
  equal "$status" "$code" && equal "${#stderr_lines[@]}" 1
}

# taken_back CODE COMMAND...: the update's step fails with that exit code; its own REASON first, the OUTCOME in one sentence last.
taken_back() {
  local code="$1"
  shift
  run --separate-stderr -- "$@"
  equal "$status" "$code"
  REASON="${stderr_lines[0]}" OUTCOME="${stderr_lines[-1]}"
  has "$OUTCOME" "the update was rolled back"
  ((${#stderr_lines[@]} > 1))
  absent "$SERVICE_DIR/transaction"
}

# eventually COMMAND...: tried again for half a minute.
eventually() {
  local end=$((SECONDS + 30))
  until "$@"; do
    ((SECONDS < end)) || {
      echo "didn't come true: $*" >&2
      return 1
    }
    "$REAL_SLEEP" 0.02
  done
}
# process_of VERB: ids of the helper's processes that run it on this test's host.
process_of() { pgrep -f "bash $HELPER $1 "; }
has_called() { [[ -n "$(calls "$1")" ]]; }

needs_root() { ((EUID == 0)) || skip "needs root"; }

# snapshot NAME: the host as it is now; back_to NAME: as it was then.
snapshot() { rm -rf "${BATS_TEST_TMPDIR:?}/$1" && cp -a "$ROOT" "$BATS_TEST_TMPDIR/$1"; }
back_to() { rm -rf "$ROOT" && cp -a "$BATS_TEST_TMPDIR/$1" "$ROOT"; }

# points_passed: numbers of the fault points in $ROOT/fault-points: the first of each name, with scripts/test --full all.
points_passed() { awk -v full="${PULUMI_SYSTEMD_HA_FULL:-}" 'full != "" || !seen[$0]++ { print NR }' "$ROOT/fault-points"; }

# kill_at N: the helper is killed at the Nth fault point that it passes (0: at none); which it passes is in $ROOT/fault-points.
kill_at() {
  : >"$ROOT/fault-points"
  cat >"$ROOT/host/lib/fault.bash" <<END
# shellcheck shell=bash
fault_point() {
  printf '%s\n' "\$1" >>"$ROOT/fault-points"
  [[ "\$(wc -l <"$ROOT/fault-points")" != $1 ]] || kill -KILL "\$\$"
}
END
}
