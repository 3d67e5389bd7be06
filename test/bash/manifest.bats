#!/usr/bin/env bats
# What install refuses before it touches anything.

load support/host

setup() { new_host; }

# refused CODE SENTENCE < rows: the manifest is refused, and nothing was changed.
refused() {
  manifest
  fails "$1" install_manifest
  equal "$stderr" "$2"
  absent "$SERVICE_DIR/transaction"
  absent "$SERVICE_DIR/originals"
  absent "$APP/bin"
  equal "$(record_of . | cut -f1-4)" $'install\tshop\t'"$1"$'\t'"$2"
}

@test "a manifest of another version is refused" {
  printf 'pulumi-systemd-ha-manifest\t2\tshop\ttest\n' >"$ROOT/manifest"
  fails 2 install_manifest
  equal "$stderr" "the manifest's header isn't one of version 1 for shop; is the library older or newer than the helper?"
}

@test "a manifest of another service is refused" {
  printf 'pulumi-systemd-ha-manifest\t1\tblog\ttest\n' >"$ROOT/manifest"
  fails 2 install_manifest
  has "$stderr" "for shop"
}

@test "an empty manifest is refused" {
  : >"$ROOT/manifest"
  fails 2 install_manifest
  has "$stderr" "the manifest's header"
}

@test "a manifest that was cut off is refused" {
  { directory_row "$APP/bin" && unit_row shop.service; } | manifest
  local revision
  revision="$(revision)"
  sed -i '$d' "$ROOT/manifest"
  fails 2 install_with_revision "$revision"
  equal "$stderr" "the manifest isn't revision $revision; did it arrive whole?"
  absent "$SERVICE_DIR/transaction"
}

install_with_revision() { cat <(echo "revision $1") "$ROOT/manifest" | helper install shop --transaction aaaa; }

@test "a manifest without a revision in front is refused" {
  unit_row shop.service | manifest
  fails 2 helper install shop --transaction aaaa <"$ROOT/manifest"
  has "$stderr" "the manifest isn't revision ; did it arrive whole?"
}

@test "a row with too few or too many columns is refused" {
  refused 2 "line 2 of the manifest hasn't eight columns" <<<"unit|shop.service|-|-|-|-|service"
  rm -rf "$SERVICE_DIR"
  { directory_row "$APP/bin" && echo "unit|shop.service|-|-|-|-|service|ours|more"; } | refused 2 "line 3 of the manifest hasn't eight columns"
}

@test "an unknown kind of row is refused" {
  refused 2 "line 2 of the manifest: unknown kind" <<<"socket|shop.socket|-|-|-|-|service|ours"
}

@test "a path that isn't plain and absolute is refused" {
  refused 2 "line 2 of the manifest: not a plain absolute path" <<<"$(directory_row srv/shop)"
  rm -rf "$SERVICE_DIR"
  refused 2 "line 2 of the manifest: not a plain absolute path" <<<"$(directory_row "$APP/../../etc")"
  rm -rf "$SERVICE_DIR"
  refused 2 "line 2 of the manifest: not a plain absolute path" <<<"$(directory_row "$APP"$'/\a')"
}

@test "a mode that isn't four octal digits is refused" {
  refused 2 "line 2 of the manifest: 755 isn't a mode" <<<"$(directory_row "$APP/bin" 755)"
  rm -rf "$SERVICE_DIR"
  refused 2 "line 2 of the manifest: 0788 isn't a mode" <<<"$(directory_row "$APP/bin" 0788)"
}

@test "an owner that isn't a user and a group is refused" {
  refused 2 "line 2 of the manifest: root isn't a user and a group" <<<"$(directory_row "$APP/bin" 0755 root)"
  rm -rf "$SERVICE_DIR"
  refused 2 "line 2 of the manifest: :root isn't a user and a group" <<<"$(directory_row "$APP/bin" 0755 :root)"
}

@test "a user or group that the host hasn't is named, with what to do" {
  refused 1 "there is no user nobody-here on this host; create it, or correct service.user" <<<"$(directory_row "$APP/bin" 0755 nobody-here:root)"
  rm -rf "$SERVICE_DIR"
  refused 1 "there is no group nobody-here on this host; create it, or correct service.group" <<<"$(directory_row "$APP/bin" 0755 root:nobody-here)"
}

@test "a name that isn't a unit's is refused" {
  refused 2 "line 2 of the manifest: not a unit's name" <<<"$(unit_row "shop.service;reboot")"
  rm -rf "$SERVICE_DIR"
  refused 2 "line 2 of the manifest: not a unit's name" <<<"$(unit_row "../shop.service")"
}

@test "content that wasn't staged is named" {
  local rows
  rows="$(file_row "$UNITS/shop.service" new)"
  rm -rf "$SERVICE_DIR/stage"
  refused 1 "the content of $UNITS/shop.service isn't staged; run the update again" <<<"$rows"
}

@test "a key that leads out of the stage is refused" {
  mkdir -p "$SERVICE_DIR/stage"
  : >"$SERVICE_DIR/outside"
  refused 1 "the content of $UNITS/x isn't staged; run the update again" <<<"file|$UNITS/x|-|0644|$OWNER|-|../outside|-"
}

@test "content that broke off while it arrived is refused" {
  local rows
  rows="$(file_row "$UNITS/shop.service" new)"
  printf 'n' >"$SERVICE_DIR/stage/$(sha256 new)"
  refused 1 "the content of $UNITS/shop.service didn't arrive whole; run the update again" <<<"$rows"
}

@test "a secret's content goes by a key that isn't its hash" {
  mkdir -p "$SERVICE_DIR/stage"
  echo 'TOKEN="x"' >"$SERVICE_DIR/stage/abc123"
  echo "file|$ROOT/etc/pulumi-systemd-ha/shop.env|-|0600|$OWNER|-|abc123|-" | manifest
  install_manifest
  file_is "$ROOT/etc/pulumi-systemd-ha/shop.env" 'TOKEN="x"'
  equal "$(stat -c %a "$ROOT/etc/pulumi-systemd-ha/shop.env")" 600
}

@test "the last row counts, with a line end or without" {
  printf 'pulumi-systemd-ha-manifest\t1\tshop\ttest\nunit\tshop.service;x\t-\t-\t-\t-\tservice\tours' >"$ROOT/manifest"
  fails 2 install_manifest
  equal "$stderr" "line 2 of the manifest: not a unit's name"
}

@test "a path with blanks and quotes is taken literally" {
  local path="$APP/it's a \"test\" \$HOME *"
  { directory_row "$path" && file_row "$path/a b" new; } | manifest
  install_manifest
  file_is "$path/a b" new
}

@test "a setting that isn't one, or has no plain value, is refused" {
  refused 2 "line 2 of the manifest: not a setting" <<<"$(setting_row healthyWithinSec 0)"
  local name value
  while read -r name value; do
    rm -rf "$SERVICE_DIR"
    refused 2 "line 2 of the manifest: not a setting" <<<"$(setting_row "$name" "$value")"
  done <<'END'
healthyWithinSec 08
healthyWithinSec 1000
healthyWithinSec 5;reboot
confirmWithinSec -1
healthCheckScript check.sh
healthcheck /bin/true
9Sec 5
END
}

@test "a manifest without settings has their defaults" {
  printf 'pulumi-systemd-ha-manifest\t1\tshop\ttest/stack\nunit\tshop.service\t-\t-\t-\t-\tservice\tours\n' >"$ROOT/manifest"
  install_manifest
  local up deadline
  read -r _ deadline <"$SERVICE_DIR/transaction/deadline"
  read -r up _ </proc/uptime
  ((deadline > ${up%%.*} + 60 && deadline <= ${up%%.*} + 90))
}
