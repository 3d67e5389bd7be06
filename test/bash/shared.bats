#!/usr/bin/env bats
# What several services of a host have in common: the proxy's drop-in and unit.

load support/host

setup() {
  new_host
  DROP_IN="$UNITS/apache2.service.d/restart.conf"
  mkdir -p "${DROP_IN%/*}"
  echo theirs >"$DROP_IN"
  set_unit apache2.service UnitFileState=disabled ActiveState=active
}

# service NAME CONTENT: an update of that service, which wants the drop-in with this content.
service() {
  SERVICE_DIR="$STATE_DIR/$1"
  { file_row "$DROP_IN" "$2" && unit_row "$1.service" && unit_row apache2.service proxy host; } | manifest
  sed -i "s/\tshop\t/\t$1\t/" "$ROOT/manifest"
  cat <(echo "revision $(revision)") "$ROOT/manifest" | helper install "$1" --transaction aaaa
}
settled_service() { service "$@" && echo "revision $(revision)" | helper confirm "$1" --transaction aaaa; }

@test "two services that want the same drop-in share it; the last takes it away" {
  settled_service shop ours
  settled_service blog ours
  systemctl enable apache2.service
  helper uninstall shop </dev/null
  file_is "$DROP_IN" ours
  equal "$(systemctl is-enabled apache2.service)" enabled
  helper uninstall blog </dev/null
  file_is "$DROP_IN" theirs
  equal "$(systemctl is-enabled apache2.service)" disabled
}

@test "the order in which they leave doesn't matter" {
  settled_service shop ours
  settled_service blog ours
  helper uninstall blog </dev/null
  file_is "$DROP_IN" ours
  helper uninstall shop </dev/null
  file_is "$DROP_IN" theirs
}

@test "a service that doesn't want it any more leaves it to the other" {
  settled_service shop ours
  settled_service blog ours
  printf 'pulumi-systemd-ha-manifest\t1\tblog\ttest/stack\n' >"$ROOT/manifest"
  cat <(echo "revision $(revision)") "$ROOT/manifest" | helper install blog --transaction bbbb
  file_is "$DROP_IN" ours
}

@test "unequal demands are refused, with the other service's name" {
  settled_service shop ours
  fails 4 service blog otherwise
  equal "$stderr" "shop on this host wants $DROP_IN otherwise; give both services the same settings for it (proxy or tunnel)"
  file_is "$DROP_IN" ours
}

@test "an open update of the other service counts too" {
  service shop ours
  fails 4 service blog otherwise
}

@test "an override of the shared unit stays away as long as a service wants the unit" {
  drop_in apache2.service zz.conf '[Service]' Restart=no
  settled_service shop $'[Service]\nRestart=always'
  settled_service blog $'[Service]\nRestart=always'
  helper uninstall shop </dev/null
  absent "$UNITS/apache2.service.d/zz.conf"
  helper uninstall blog </dev/null
  file_is "$UNITS/apache2.service.d/zz.conf" $'[Service]\nRestart=no'
}

@test "an original that is a link is inherited as one" {
  ln -sf /dev/null "$DROP_IN"
  settled_service shop ours
  settled_service blog ours
  helper uninstall shop </dev/null
  helper uninstall blog </dev/null
  equal "$(readlink "$DROP_IN")" /dev/null
}
