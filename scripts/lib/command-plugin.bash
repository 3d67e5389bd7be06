# Sourced by toolchain.bash: Pulumi's `command` plugin, the official one or, where it can't be had, the project's drop-in.
# shellcheck shell=bash
# shellcheck disable=SC2034 # PLUGIN_HOME and PLUGIN_KIND are read by the other files

# The version of the SDK in package.json: the engine asks for exactly this plugin.
COMMAND_VERSION="$(awk -F '"' '$2 == "@pulumi/command" { print $4 }' "$PROJECT_DIR/package.json")"
readonly COMMAND_VERSION
# Used when the user's own folder can't be: the drop-in must not shadow the official plugin for other projects.
readonly OWN_PULUMI_HOME="$CACHE_DIR/home"

# ensure_command_plugin: after ensure_engine. Exports PULUMI_HOME if it is ours; sets PLUGIN_HOME and PLUGIN_KIND.
ensure_command_plugin() {
  if ! use_plugin; then
    with_lock "$CACHE_DIR/command-plugin.lock" provide_plugin
    use_plugin || die "$EXIT_FINDING" "the command plugin $COMMAND_VERSION was installed but is not where Pulumi keeps its plugins"
  fi
}

is_home_given() { [[ -n "${PULUMI_HOME:-}" && "$PULUMI_HOME" != "$OWN_PULUMI_HOME" ]]; }

# users_home: the user's own folder, if this run may use it at all. A pulumi of ours keeps away from ~/.pulumi.
users_home() {
  if is_home_given; then
    printf '%s\n' "$PULUMI_HOME"
  elif [[ -z "${PULUMI_HOME:-}" && "$ENGINE_ORIGIN" == path ]]; then
    printf '%s\n' "$HOME/.pulumi"
  fi
}

# use_plugin: the installed one, if it is good enough. A plugin in the user's own folder is theirs to choose.
use_plugin() {
  local home kind
  home="$(users_home)"
  if [[ -n "$home" ]] && kind="$(plugin_kind "$home")"; then
    PLUGIN_HOME="$home" PLUGIN_KIND="$kind"
    return
  fi
  ! is_home_given && kind="$(plugin_kind "$OWN_PULUMI_HOME")" || return 1
  [[ "$kind" == official ]] || is_drop_in_current || return 1
  PLUGIN_HOME="$OWN_PULUMI_HOME" PLUGIN_KIND="$kind"
  export PULUMI_HOME="$OWN_PULUMI_HOME"
}

plugin_dir() { printf '%s/plugins/resource-command-v%s' "$1" "$COMMAND_VERSION"; }

# plugin_kind HOME: prints official or drop-in; fails if there is none. The official program is no script.
plugin_kind() {
  local dir first
  dir="$(plugin_dir "$1")"
  # Pulumi keeps a .partial file beside a plugin until it is complete.
  [[ -f "$dir/pulumi-resource-command" && ! -e "$dir.partial" ]] || return 1
  IFS= read -rN 2 first <"$dir/pulumi-resource-command" || true
  if [[ "$first" == '#!' ]]; then echo drop-in; else echo official; fi
}

# drop_in_hash: of what the drop-in is made from; another dependency of the project doesn't make it another.
drop_in_hash() {
  (
    cd "$PROJECT_DIR" || exit
    find scripts/command-plugin -type f -print0 | sort -z | xargs -0 sha256sum
    grep -E '"(@pulumi/pulumi|esbuild|ssh2)": "[0-9]' package.json
  ) | sha256sum | cut -c -64
}

is_drop_in_current() {
  local made_from
  made_from="$(plugin_dir "$OWN_PULUMI_HOME")/made-from.sha256"
  [[ -f "$made_from" && "$(<"$made_from")" == "$(drop_in_hash)" ]]
}

# provide_plugin: under the lock.
provide_plugin() {
  local home
  home="$(users_home)"
  # Another run may have been quicker.
  ! use_plugin || return 0
  if is_home_given; then
    install_official_plugin "$home" ||
      die "$EXIT_REFUSED" "the command plugin $COMMAND_VERSION is not in PULUMI_HOME=$home and the official one can't be downloaded here;" \
        "the project's drop-in is not put where other projects would get it too: unset PULUMI_HOME and start again"
    return
  fi
  if plugin_kind "$OWN_PULUMI_HOME" >/dev/null; then
    # It stays the choice: no new wait for a download that failed before.
    say "command plugin $COMMAND_VERSION: the project's drop-in has changed"
  else
    ! install_official_plugin "${home:-$OWN_PULUMI_HOME}" || return 0
    say "command plugin $COMMAND_VERSION: the official one can't be downloaded here; using the project's drop-in (scripts/command-plugin)"
  fi
  install_drop_in
}

# install_official_plugin HOME: gives up soon, unless Pulumi's site answers and the download is only slow.
install_official_plugin() {
  local limit=20
  ! curl -fsI --connect-timeout 5 --max-time 10 https://get.pulumi.com >/dev/null 2>&1 || limit=180
  say "installing the command plugin $COMMAND_VERSION"
  PULUMI_HOME="$1" timeout "$limit" pulumi -C / plugin install resource command "v$COMMAND_VERSION" >/dev/null 2>&1 </dev/null
}

install_drop_in() {
  local archive made_from
  archive="$CACHE_DIR/command-plugin.tar.gz"
  made_from="$(drop_in_hash)"
  with_progress "building the drop-in" command-plugin '' "$PROJECT_DIR/scripts/command-plugin/build" "$archive" ||
    die "$EXIT_FINDING" "scripts/command-plugin/build failed; its own message is above"
  PULUMI_HOME="$OWN_PULUMI_HOME" with_progress "installing the drop-in" command-plugin '' \
    pulumi -C / plugin install resource command "v$COMMAND_VERSION" --reinstall -f "$archive" ||
    die "$EXIT_FINDING" "pulumi refused the drop-in's archive; its own message is above"
  rm -f "$archive"
  printf '%s\n' "$made_from" >"$(plugin_dir "$OWN_PULUMI_HOME")/made-from.sha256"
}
