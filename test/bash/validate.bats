#!/usr/bin/env bats
# What is not valid is refused in the tools' own words before anything is installed.

load support/host

setup() { new_host; }

# installed_nothing SENTENCE...: the refusal has these, and the host is as it was.
installed_nothing() {
  local before sentence
  before="$(find "$ROOT/etc" "$APP" | sort | xargs -d '\n' ls -ld)"
  run --separate-stderr install_manifest
  equal "$status" 1
  has "$stderr" "the new configuration isn't valid, and nothing of it was installed:"
  for sentence in "$@"; do has "$stderr" "$sentence"; done
  equal "$(find "$ROOT/etc" "$APP" | sort | xargs -d '\n' ls -ld)" "$before"
  absent "$SERVICE_DIR/transaction"
  equal "$(ls -A "$ROOT/run")" systemd
}

@test "every line about a unit of ours is a complaint, lines about others are none" {
  { unit_row shop.service && file_row "$UNITS/shop.service" ours && file_row "$UNITS/apache2.service.d/restart.conf" ours; } | manifest
  printf '%s\n' "TREE/shop.service:3: Unknown key name 'Foo' in section 'Service', ignoring." "/lib/systemd/system/other.service:1: bad" >"$ROOT/complaints"
  installed_nothing "$UNITS/shop.service:3: Unknown key name 'Foo' in section 'Service', ignoring."
  [[ "$stderr" != *other.service* ]]
  has "$(calls systemd-analyze)" "verify --man=no shop.service apache2.service"
}

@test "a script that bash can't read, a log rotation that logrotate can't and a proxy's own error come at once" {
  { unit_row apache2.service proxy host && file_row "$APP/check.sh" 'if then' && file_row "$ROOT/etc/logrotate.d/shop" BROKEN; } | manifest
  echo "Syntax error on line 3 of /etc/apache2/ports.conf" >"$ROOT/apache-complaint"
  installed_nothing "$APP/check.sh: line 1: syntax error" "error: $ROOT/etc/logrotate.d/shop:1 unknown option" "apachectl configtest: Syntax error on line 3"
  [[ "$stderr" != *AH00558* ]]
}

@test "another proxy than Apache isn't asked of Apache" {
  unit_row nginx.service proxy host | manifest
  echo "Syntax error" >"$ROOT/apache-complaint"
  install_manifest
}

@test "a user that may not execute the service's program is named" {
  needs_root
  mkdir -m 0700 "$ROOT/tmp/closed" && cp /bin/true "$ROOT/tmp/closed/app"
  { unit_row shop.service && file_row "$UNITS/shop.service" $'[Service]\nUser=nobody\nGroup=nogroup\nWorkingDirectory='"$ROOT/tmp/closed/site"$'\nExecStart='"$ROOT/tmp/closed/app"' "--x"'; } | manifest
  installed_nothing "nobody may not execute $ROOT/tmp/closed/app" "nobody may not enter $ROOT/tmp/closed"
}

@test "what is valid is installed" {
  { unit_row shop.service && file_row "$UNITS/shop.service" $'[Service]\nUser='"$(id -un)"$'\nWorkingDirectory=/tmp\nExecStart=/bin/true' && file_row "$APP/check.sh" 'true'; } | manifest
  install_manifest
  equal "$(ls -A "$ROOT/run")" systemd
}
