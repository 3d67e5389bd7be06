#!/usr/bin/env bats
# The host's part of a drill: when it's refused, what its guard and its end do.
# shellcheck disable=SC2030,SC2031 # status is set by run

load support/host

setup() {
  new_host
  printf '#!/bin/bash\nprintf "check %%s\\n" "$*" >>"%s/calls"\ncat "%s/check-says" 2>/dev/null\nexit "$(cat "%s/check-ends")"\n' "$ROOT" "$ROOT" "$ROOT" >"$ROOT/check"
  chmod 0755 "$ROOT/check"
  echo 0 >"$ROOT/check-ends"
  { unit_row shop.service && unit_row apache2.service proxy host && unit_row tunnel.service tunnel host && unit_row shop-health-check.timer timer; } | settle
  for unit in shop.service apache2.service tunnel.service shop-health-check.timer; do set_unit "$unit" ActiveState=active; done
  forget_calls
}

arm() { printf '%s\n' "${@:-seconds 60}" | helper drill shop arm; }
guard() { PULUMI_SYSTEMD_HA_TIMED=0 PULUMI_SYSTEMD_HA_DRILL_SEC=60 helper drill shop guard </dev/null; }
settle_drill() { helper drill shop settle </dev/null; }
# repaired UNIT SECOND...: what the health check has noted.
repaired() { printf '%s\n' "${@:2}" >"$SERVICE_DIR/repairs.$1"; }

@test "a guard of its own is started before a failure, if the service is healthy" {
  arm "stack test/stack" "seconds 60"
  has "$(calls)" "check --gate 5"
  has "$(calls systemd-run)" "--unit=pulumi-systemd-ha-drill-shop.service"
  has "$(calls systemd-run)" "--setenv=PULUMI_SYSTEMD_HA_DRILL_SEC=60 -- /bin/bash $HELPER drill shop guard"
}

@test "without a guard there is no drill" {
  echo fail >"$ROOT/systemd/systemd-run"
  fails 4 arm
  has "$stderr" "cannot start pulumi-systemd-ha-drill-shop.service"
}

@test "it's refused for a service that isn't healthy, and says why" {
  echo 1 >"$ROOT/check-ends"
  echo "[2026-01-22 22:14:39] ERROR: shop.service is not running" >"$ROOT/check-says"
  fails 4 arm
  equal "$stderr" "shop isn't healthy: shop.service is not running"
  equal "$(calls systemd-run)" ""
}

@test "it's refused where nothing would repair the service" {
  set_unit shop-health-check.timer ActiveState=inactive
  fails 4 arm
  has "$stderr" "shop-health-check.timer isn't running"
}

@test "it's refused where the repairs are used up, and says until when" {
  printf '%s\n' "readonly MAX_REPAIRS='2'" "readonly REPAIR_WINDOW_SEC='3600'" >>"$ROOT/check"
  repaired shop.service $((EPOCHSECONDS - 4000)) $((EPOCHSECONDS - 600))
  arm
  repaired apache2.service $((EPOCHSECONDS - 600)) $((EPOCHSECONDS - 60))
  fails 4 arm
  has "$stderr" "apache2.service was repaired 2 times in the last 3600 s, so the health check would repair nothing in a drill; try again after $(date -d "@$((EPOCHSECONDS + 3000))" '+%Y-%m-%d %H:')"
}

@test "it's refused in maintenance, while an update is open, and to another stack" {
  mkdir -p "$SERVICE_DIR/maintenance" "$ROOT/aside"
  printf '2026-01-22T22:14:39+0100\tmia\ta new disk\n' >"$SERVICE_DIR/maintenance/operator"
  fails 4 arm
  equal "$stderr" "shop is in maintenance since 2026-01-22T22:14:39+0100 (operator: a new disk)"
  rm -r "$SERVICE_DIR/maintenance"
  mkdir "$SERVICE_DIR/transaction"
  fails 4 arm
  has "$stderr" "an update of shop is open"
  rmdir "$SERVICE_DIR/transaction"
  fails 4 arm "stack other/stack" "seconds 60"
  has "$stderr" "shop belongs to stack test/stack"
  equal "$(calls systemd-run)" ""
}

@test "there is one drill at a time, and a broken off one says how to end it" {
  set_unit pulumi-systemd-ha-drill-shop.service ActiveState=active
  fails 4 arm
  has "$stderr" "another drill of shop is in progress, or was broken off"
  has "$stderr" "$HELPER drill shop settle"
}

@test "a call without a time is a wrong one" {
  run --separate-stderr arm "seconds soon"
  equal "$status" 2
}

@test "the guard holds the lock; when its time is over it sets the service and its proxy right" {
  guard
  equal "$(calls '^(sleep|systemd-notify|systemctl (kill|reset-failed|start))')" "systemd-notify --ready
sleep 60
systemctl kill --signal=CONT -- shop.service
systemctl kill --signal=CONT -- apache2.service
systemctl reset-failed -- shop.service
systemctl start -- shop.service
systemctl reset-failed -- apache2.service
systemctl start -- apache2.service"
  absent "$SERVICE_DIR/drill"
}

@test "the end of a drill ends the guard, sets all right and waits until it's healthy" {
  equal "$(settle_drill)" "shop is healthy"
  equal "$(calls '^(systemctl (stop|start)|check)')" "systemctl stop -- pulumi-systemd-ha-drill-shop.service
systemctl start -- shop.service
systemctl start -- apache2.service
check --gate 5 0"
}

@test "the end fails if the service doesn't get healthy" {
  echo 1 >"$ROOT/check-ends"
  echo "[2026-01-22 22:14:39] ERROR: no answer" >"$ROOT/check-says"
  run --separate-stderr settle_drill
  equal "$status" 1
  has "$stderr" "all was started after the drill, but the service isn't healthy 5 s after the start: no answer"
}

@test "a unit that doesn't start keeps none of the others from it" {
  echo fail >"$ROOT/systemd/shop.service/start"
  run --separate-stderr settle_drill
  equal "$status" 1
  has "$stderr" "not all of shop started after the drill"
  equal "$(count_calls 'start -- apache2.service')" 1
}

@test "repairs of the drill don't count for a real failure, those before it do" {
  echo 1000 >"$SERVICE_DIR/drill"
  repaired shop.service 900 999 1000 1001
  repaired apache2.service 1005
  echo 2 >"$SERVICE_DIR/failures.shop.service"
  settle_drill
  file_is "$SERVICE_DIR/repairs.shop.service" "900
999"
  file_is "$SERVICE_DIR/repairs.apache2.service" ""
  absent "$SERVICE_DIR/failures.shop.service"
  repaired shop.service 2000
  settle_drill
  file_is "$SERVICE_DIR/repairs.shop.service" 2000
}

@test "what people were told of the drill doesn't keep them from hearing of a real failure" {
  printf '%s\trepaired\tshop.service\n' 900 1100 >"$SERVICE_DIR/alerted"
  printf '1200\texhausted\tapache2.service\n' >>"$SERVICE_DIR/alerted"
  echo 1000 >"$SERVICE_DIR/drill"
  helper drill shop settle </dev/null
  file_is "$SERVICE_DIR/alerted" "900	repaired	shop.service
1200	exhausted	apache2.service"
}
