# Sourced by toolchain.bash: the engine and its Node language host, built from the Go modules that are pinned beside this file.
# shellcheck shell=bash

# build_engine ROOT: leaves both programs in ROOT/bin.
build_engine() {
  local root="$1"
  require_go
  say "building pulumi and its Node language host from their Go modules: once, about five minutes on two cores"
  build_module pulumi-engine github.com/pulumi/pulumi/pkg/v3 cmd/pulumi "$root/bin/pulumi" &&
    build_module pulumi-language-nodejs github.com/pulumi/pulumi/sdk/v3 nodejs/cmd/pulumi-language-nodejs "$root/bin/pulumi-language-nodejs"
}

# require_go: a Go that is new enough for both modules.
require_go() {
  local needed found='' offered advice
  # The official archive unpacks there, and not every PATH has it.
  command -v go >/dev/null || [[ ! -x /usr/local/go/bin/go ]] || export PATH="$PATH:/usr/local/go/bin"
  needed="$(module_version pulumi-engine go)"
  ! command -v go >/dev/null || found="$(found_go)"
  [[ -z "$found" ]] || ! version_at_least "$found" "$needed" || return 0

  offered="$(offered_version golang-go)"
  if [[ -z "$found" && -n "$offered" ]] && version_at_least "$offered" "$needed"; then
    require_packages golang-go
    return
  fi
  advice="get it from https://go.dev/doc/install"
  [[ -z "$offered" ]] || advice+=" (the golang-go that apt offers here is $offered: too old)"
  advice+=", or install pulumi $OLDEST_ENGINE or newer yourself, and start again"
  die "$EXIT_USAGE" "Go $needed or newer is needed to build pulumi, found ${found:-none}: $advice"
}

# found_go: its version as the build will see it: in the module's folder Go may switch to a newer one by itself (GOTOOLCHAIN).
found_go() {
  local version
  version="$(cd "$PROJECT_DIR/scripts/lib/pulumi-engine" && run_go version 2>/dev/null)" || version="$(GOTOOLCHAIN=local go version)"
  [[ ! "$version" =~ go([0-9.]+) ]] || printf '%s\n' "${BASH_REMATCH[1]}"
}

# run_go ARGUMENT...: independent of the user's settings for other modules. No cgo: no C compiler is needed then.
run_go() { GO111MODULE=on GOFLAGS='' GOWORK=off CGO_ENABLED=0 go "$@"; }

# build_module FOLDER MODULE PROGRAM FILE: builds MODULE/PROGRAM at the version that FOLDER/go.mod pins.
build_module() (
  local folder="$1" module="$2" program="$2/$3" file="$4" name version packages
  name="$(basename "$file")"
  version="$(module_version "$folder" "$module")"
  cd "$PROJECT_DIR/scripts/lib/$folder" || return
  with_progress "fetching the Go modules of $name $version" "$name-modules" "modules so far" \
    list_packages "$program" "$CACHE_DIR/log/$name-packages.log" ||
    die "$EXIT_FINDING" "the Go modules of $name could not be fetched: a Go module proxy must be reachable (go env GOPROXY), see the lines above"
  packages="$(wc -l <"$CACHE_DIR/log/$name-packages.log")"
  # Without the version `pulumi version` is empty, and the Automation API refuses it.
  with_progress "compiling $name $version" "$name-build" "of $packages packages" \
    run_go build -v -mod=readonly -buildvcs=false -trimpath -o "$file" \
    -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version" "$program" ||
    die "$EXIT_FINDING" "$name could not be built; go's own message is above"
)

# list_packages PROGRAM FILE: the packages it is made of, one a line; downloads the modules that are missing.
list_packages() { run_go list -mod=readonly -deps "$1" >"$2"; }
