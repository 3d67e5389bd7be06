# Sourced by toolchain.bash: `pulumi` with its Node language host, from PATH, from the official installer, or built here.
# shellcheck shell=bash
# shellcheck disable=SC2034 # ENGINE_VERSION and ENGINE_ORIGIN are read by the other files

# The oldest engine that works with the SDK in package.json.
readonly OLDEST_ENGINE=3.200.0

# module_version FOLDER WORD: the version that the folder's go.mod pins for a line that starts with WORD.
module_version() {
  awk -v word="$2" '{ sub(/^require /, "") } $1 == word { print $2; exit }' "$PROJECT_DIR/scripts/lib/$1/go.mod"
}

PINNED_ENGINE="$(module_version pulumi-engine github.com/pulumi/pulumi/pkg/v3)"
readonly PINNED_ENGINE
readonly CACHED_ENGINE="$CACHE_DIR/pulumi-${PINNED_ENGINE#v}"

# may_use ORIGIN: PULUMI_SYSTEMD_HA_ENGINE=path|installer|build allows one origin only.
may_use() { [[ -z "${PULUMI_SYSTEMD_HA_ENGINE:-}" || "$PULUMI_SYSTEMD_HA_ENGINE" == "$1" ]]; }

# ensure_engine: finds or installs one, puts it on PATH, sets ENGINE_VERSION and ENGINE_ORIGIN (path, installer, build).
ensure_engine() {
  export PULUMI_SKIP_UPDATE_CHECK=true
  case "${PULUMI_SYSTEMD_HA_ENGINE:-}" in
    '' | path | installer | build) ;;
    *) die "$EXIT_USAGE" "PULUMI_SYSTEMD_HA_ENGINE: must be path, installer or build, got \"$PULUMI_SYSTEMD_HA_ENGINE\"" ;;
  esac
  if ! use_engine_on_path && ! use_cached_engine; then
    with_lock "$CACHE_DIR/engine.lock" provide_engine
    use_cached_engine || die "$EXIT_FINDING" "$CACHED_ENGINE is not complete; remove it and start again"
  fi
}

use_engine_on_path() {
  local engine version
  may_use path && engine="$(command -v pulumi)" || return 1
  # After `eval "$(scripts/toolchain --env)"` it is the cached one.
  [[ "$engine" != "$CACHED_ENGINE/bin/pulumi" ]] || return 1
  version="$(pulumi version 2>/dev/null </dev/null)" || version=unknown
  if [[ ! "$version" =~ ^v?([0-9]+\.[0-9]+\.[0-9]+) ]] || ! version_at_least "${BASH_REMATCH[1]}" "$OLDEST_ENGINE"; then
    say "$engine is not used: its version is ${version:-unknown}, $OLDEST_ENGINE or newer is needed"
    return 1
  fi
  if ! [[ -x "$(dirname "$(readlink -f "$engine")")/pulumi-language-nodejs" ]] && ! command -v pulumi-language-nodejs >/dev/null; then
    say "$engine is not used: there is no pulumi-language-nodejs beside it or on PATH"
    return 1
  fi
  ENGINE_VERSION="$version" ENGINE_ORIGIN=path
}

use_cached_engine() {
  local origin
  [[ -x "$CACHED_ENGINE/bin/pulumi" && -x "$CACHED_ENGINE/bin/pulumi-language-nodejs" ]] || return 1
  origin="$(<"$CACHED_ENGINE/origin")" && may_use "$origin" || return 1
  ENGINE_VERSION="$PINNED_ENGINE" ENGINE_ORIGIN="$origin"
  [[ "$(command -v pulumi)" == "$CACHED_ENGINE/bin/pulumi" ]] || export PATH="$CACHED_ENGINE/bin:$PATH"
}

# provide_engine: under the lock; complete before it is renamed into place, so a broken off run leaves nothing half.
provide_engine() {
  # A name of its own: what a killed run left behind may still be writing into the other.
  local partial="$CACHED_ENGINE.partial.$BASHPID"
  # Another run may have been quicker.
  ! use_cached_engine || return 0
  rm -rf "$CACHED_ENGINE".partial.*
  mkdir -p "$partial/tmp"
  if may_use installer && run_installer "$partial"; then
    echo installer >"$partial/origin"
  elif may_use build; then
    build_engine "$partial" || return
    echo build >"$partial/origin"
  else
    die "$EXIT_FINDING" "PULUMI_SYSTEMD_HA_ENGINE=$PULUMI_SYSTEMD_HA_ENGINE: there is no usable pulumi that way"
  fi
  rm -rf "$partial/tmp" "$CACHED_ENGINE"
  mv "$partial" "$CACHED_ENGINE"
}

run_installer() {
  local root="$1"
  command -v curl >/dev/null || require_packages curl ca-certificates
  if ! curl -fsSL --proto '=https' --connect-timeout 5 --max-time 30 -o "$root/tmp/install.sh" https://get.pulumi.com 2>/dev/null; then
    say "Pulumi's official installer can't be reached from here"
    return 1
  fi
  TMPDIR="$root/tmp" with_progress "installing pulumi $PINNED_ENGINE with the official installer" installer '' \
    timeout 600 sh "$root/tmp/install.sh" --version "${PINNED_ENGINE#v}" --install-root "$root" --no-edit-path --silent &&
    [[ -x "$root/bin/pulumi" && -x "$root/bin/pulumi-language-nodejs" ]] ||
    {
      say "Pulumi's official installer failed"
      rm -rf "${root:?}/bin"
      return 1
    }
}
