# Sourced after common.bash: everything that running this project's Pulumi program needs. Call ensure_toolchain.
# shellcheck shell=bash

# shellcheck source=scripts/lib/progress.bash
source "$PROJECT_DIR/scripts/lib/progress.bash"
# shellcheck source=scripts/lib/engine-build.bash
source "$PROJECT_DIR/scripts/lib/engine-build.bash"
# shellcheck source=scripts/lib/engine.bash
source "$PROJECT_DIR/scripts/lib/engine.bash"
# shellcheck source=scripts/lib/command-plugin.bash
source "$PROJECT_DIR/scripts/lib/command-plugin.bash"

# As in package.json's "engines".
readonly OLDEST_NODE=20

# ensure_toolchain: installs what is missing and exports what `pulumi` needs (PATH, PULUMI_HOME) in this shell.
ensure_toolchain() {
  require_node
  ensure_dependencies
  ensure_engine
  ensure_command_plugin
}

# print_toolchain: what ensure_toolchain found or made, for people.
print_toolchain() {
  local origin plugin
  case "$ENGINE_ORIGIN" in
    path) origin="from PATH" ;;
    installer) origin="from the official installer" ;;
    build) origin="built from its Go modules" ;;
  esac
  case "$PLUGIN_KIND" in
    official) plugin="the official one" ;;
    drop-in) plugin="the project's drop-in" ;;
  esac
  printf '%-15s %s\n' \
    node "$NODE_VERSION, $(command -v node)" \
    pulumi "$ENGINE_VERSION, $origin, $(command -v pulumi)" \
    'command plugin' "v$COMMAND_VERSION, $plugin, in $PLUGIN_HOME" >&2
}

# require_node: sets NODE_VERSION.
require_node() {
  local offered advice="get it from https://nodejs.org/en/download"
  ! is_node_new_enough || return 0
  offered="$(offered_version nodejs)"
  if ! version_at_least "$offered" "$OLDEST_NODE"; then
    [[ -z "$offered" ]] || advice+=" (the nodejs that apt offers here is $offered: too old)"
  elif [[ -n "$NODE_VERSION" ]]; then
    advice="sudo apt-get install -y nodejs, or $advice"
  else
    require_packages nodejs
    ! is_node_new_enough || return 0
  fi
  die "$EXIT_USAGE" "Node.js $OLDEST_NODE or newer is needed, found ${NODE_VERSION:-none}: $advice, and start again"
}

is_node_new_enough() {
  NODE_VERSION="$(node --version 2>/dev/null)" || NODE_VERSION=''
  version_at_least "${NODE_VERSION#v}" "$OLDEST_NODE"
}

# ensure_dependencies: node_modules is what package-lock.json says.
ensure_dependencies() {
  if ! are_dependencies_current; then with_lock "$CACHE_DIR/npm.lock" install_dependencies; fi
}

# Either we installed exactly this lock file, or someone ran npm by hand after the lock file changed.
are_dependencies_current() {
  local npms_own="$PROJECT_DIR/node_modules/.package-lock.json" ours="$PROJECT_DIR/node_modules/.package-lock.sha256"
  [[ -f "$npms_own" ]] || return 1
  [[ "$npms_own" -nt "$PROJECT_DIR/package-lock.json" ]] || [[ -f "$ours" && "$(<"$ours")" == "$(lock_file_hash)" ]]
}

lock_file_hash() { sha256sum "$PROJECT_DIR/package-lock.json" | cut -c -64; }

install_dependencies() {
  # Another run may have been quicker.
  ! are_dependencies_current || return 0
  command -v npm >/dev/null || require_npm
  # NODE_ENV=production in the environment would leave out the compiler.
  with_progress "installing the npm dependencies" npm '' npm ci --prefix "$PROJECT_DIR" --include=dev --no-audit --no-fund ||
    die "$EXIT_FINDING" "npm ci failed; its own message is above"
  lock_file_hash >"$PROJECT_DIR/node_modules/.package-lock.sha256"
}

# Debian has npm in a package of its own, which only fits its own nodejs; elsewhere npm comes with Node.js.
require_npm() {
  [[ "$(command -v node)" == /usr/bin/node && -n "$(offered_version npm)" ]] ||
    die "$EXIT_USAGE" "npm is missing; it comes with Node.js from https://nodejs.org/en/download: install it and start again"
  require_packages npm
}
