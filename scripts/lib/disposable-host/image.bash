# Sourced by all.bash: the base images, one directory tree for each release, shared read-only by all hosts.
# shellcheck shell=bash

# shellcheck disable=SC2034 # --release is one of them
readonly RELEASES=(bookworm trixie)
# shellcheck disable=SC2034 # and --machine one of these
readonly MACHINES=(nspawn qemu)
# What a QEMU guest has in addition: a kernel of its own.
readonly RECIPE="$HOST_LIBRARY/image" QEMU_RECIPE="$HOST_LIBRARY/image-qemu" IMAGES_DIR="$CACHE_DIR/images"
readonly ARCHIVE_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# An image takes 0.5 GiB, the packages it is made of 0.1.
readonly BUILD_SPACE_KIB=$((1024 * 1024))

# image_directory RELEASE MACHINE: named for the recipe, so that a changed recipe is another image.
image_directory() {
  local hash
  local -a recipes=(image)
  [[ "$2" != qemu ]] || recipes+=(image-qemu)
  hash="$(cd "$HOST_LIBRARY" && for recipe in "${recipes[@]}"; do hash_input "$recipe"; done | sha256sum | cut -c -12)"
  printf '%s\n' "$(image_prefix "$1" "$2")$hash"
}

# image_prefix RELEASE MACHINE: what the images of all recipes have in common.
image_prefix() {
  case "$2" in
    nspawn) printf '%s\n' "$IMAGES_DIR/$1-" ;;
    *) printf '%s\n' "$IMAGES_DIR/$2-$1-" ;;
  esac
}

# hash_input FOLDER: modes, names and contents.
hash_input() { (cd "$1" && find . -type f -printf '%m %p\n' -exec sha256sum {} + | sort); }

ensure_image() { [[ -d "$(image_directory "$1" "$2")" ]] || with_lock "$CACHE_DIR/images.lock" build_image "$1" "$2"; }

build_image() {
  local release="$1" machine="$2" image work settings code=0
  local -a sources apt_settings=() packages qemu_hook=()
  image="$(image_directory "$release" "$machine")"
  # Another run may have been quicker.
  [[ ! -d "$image" ]] || return 0
  require_cache "$IMAGES_DIR"
  # What a killed run left.
  for work in "$IMAGES_DIR"/.building-*; do remove_tree "$work" || true; done
  require_space

  work="$IMAGES_DIR/.building-$release-$$"
  settings="$IMAGES_DIR/.building-apt-$$"
  # shellcheck disable=SC2064 # the names of now
  trap "remove_tree '$work'; rm -f '$settings'" EXIT
  debian_sources "$release" >"$settings"
  mapfile -t sources <"$settings"
  # mmdebstrap takes nothing else from this machine's apt: proxies, and mirrors that are old on purpose.
  apt-config dump --no-empty --format '%F "%v";%n' \
    Acquire::http Acquire::https Acquire::Check-Valid-Until Acquire::Check-Date >"$settings"
  [[ ! -s "$settings" ]] || apt_settings=(--aptopt="$settings")
  mapfile -t packages <"$RECIPE/packages"
  if [[ "$machine" == qemu ]]; then
    mapfile -t -O "${#packages[@]}" packages <"$QEMU_RECIPE/packages"
    qemu_hook=(--essential-hook="$QEMU_RECIPE/initramfs")
  fi
  with_progress "building the Debian $release image for $machine (about a minute, once)" "image-$release-$machine" '' \
    mmdebstrap --mode=root --variant=apt --include="$(printf '%s,' "${packages[@]}")" "${apt_settings[@]}" \
    "${qemu_hook[@]}" --customize-hook="$RECIPE/customize" "$release" "$work" "${sources[@]}" || code=$?
  if ((code)); then
    require_space
    die "$EXIT_FINDING" "the Debian $release image could not be built; mmdebstrap's own messages are above"
  fi
  mv "$work" "$image"
  remove_old_images "$release" "$machine"
}

require_space() {
  local free
  free="$(df --output=avail --block-size=1K "$IMAGES_DIR" | tail -n 1)"
  ((free >= BUILD_SPACE_KIB)) ||
    die "$EXIT_FINDING" "the disk of $IMAGES_DIR is full: $((free / 1024)) MiB are free, an image needs $((BUILD_SPACE_KIB / 1024))"
}

# debian_sources RELEASE: this machine's own Debian sources as apt lines for RELEASE, whatever release the machine has.
debian_sources() {
  local release="$1" sources uri codename component entry
  if [[ -n "${PULUMI_SYSTEMD_HA_DEBIAN_MIRROR:-}" ]]; then
    printf 'deb [signed-by=%s] %s %s main\n' "$ARCHIVE_KEYRING" "$PULUMI_SYSTEMD_HA_DEBIAN_MIRROR" "$release"
    return
  fi
  sources="$(known_sources)"
  # A fresh container has no package lists yet, so apt doesn't know whose sources it has.
  [[ -n "$sources" ]] || { apt-get update >/dev/null 2>&1 || true; }
  sources="$(known_sources)"
  [[ -n "$sources" ]] ||
    die "$EXIT_REFUSED" "apt has no Debian source here: set PULUMI_SYSTEMD_HA_DEBIAN_MIRROR to the URL of a Debian mirror"
  while read -r uri codename component entry; do
    # bookworm-security → trixie-security
    [[ "$codename" == *-* ]] && codename="$release-${codename#*-}" || codename="$release"
    printf 'deb [signed-by=%s] %s %s %s\n' "$(keyrings_of "$entry")" "$uri" "$codename" "$component"
  done <<<"$sources" | sort -u
}

# The archive itself, its updates and its security fixes; not backports or a foreign repository.
known_sources() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(SOURCESENTRY)' \
    'Created-By: Packages' 'Origin: Debian' 'Component: main' | awk '$2 ~ /^[a-z]+(-updates|-security)?$/'
}

# keyrings_of FILE:NUMBER: the keyrings that the file names, and Debian's own, which knows later releases too.
keyrings_of() {
  local file="${1%:*}"
  {
    sed -nE 's/^Signed-By: *(\/[^ ]+) *$/\1/Ip; s/.*signed-by=(\/[^], ]+).*/\1/p' "$file"
    printf '%s\n' "$ARCHIVE_KEYRING"
  } | sort -u | paste -sd,
}

# remove_old_images RELEASE MACHINE: those of other recipes, unless a host still runs on them.
remove_old_images() {
  local image
  for image in "$(image_prefix "$1" "$2")"*; do
    [[ "$image" == "$(image_directory "$1" "$2")" ]] || is_image_in_use "$image" || remove_tree "$image"
  done
}
