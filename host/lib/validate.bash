# What arrived is tried by the tools that will read it, before anything is installed.
# shellcheck shell=bash

# validate_content MANIFEST: all complaints at once; nothing on the host has changed by then.
validate_content() {
  local complaints
  complaints="$(
    complaints_of_units "$1"
    complaints_of_files "$1"
    complaints_of_process "$1"
    complaints_of_proxy "$1"
  )" || true
  [[ -z "$complaints" ]] || fail "$EXIT_FAILED" "the new configuration isn't valid, and nothing of it was installed:"$'\n'"$(safe_lines <<<"$complaints" | sed 's/^/  /')"
}

# complaints_of_units MANIFEST: any line that systemd-analyze prints about ours; for unknown keys it exits with 0 all the same.
complaints_of_units() {
  local tree path key units=()
  tree="$(mktemp -d /run/pulumi-systemd-ha.XXXXXX 2>/dev/null)" || { echo "cannot write to /run; is it full?" && return 0; }
  while IFS=$'\037' read -r _ path _ _ _ _ key _; do
    [[ -n "$(unit_of "$path")" ]] || continue
    { mkdir -p "$(dirname "$tree/${path#/etc/systemd/system/}")" && cp "$SERVICE_DIR/stage/$key" "$tree/${path#/etc/systemd/system/}"; } 2>/dev/null ||
      echo "cannot write to /run; is it full?"
    units+=("$(unit_of "$path")")
  done < <(manifest_rows "$1" file)
  # The colon keeps systemd's own directories behind ours.
  ((${#units[@]} == 0)) || SYSTEMD_UNIT_PATH="$tree:" systemd-analyze verify --man=no "${units[@]}" 2>&1 | grep -F "$tree/" | sed "s|$tree/|/etc/systemd/system/|g" || true
  rm -rf "$tree"
}

# complaints_of_files MANIFEST: scripts and log rotation.
complaints_of_files() {
  local path key staged
  while IFS=$'\037' read -r _ path _ _ _ _ key _; do
    staged="$SERVICE_DIR/stage/$key"
    case "$path" in
      *.sh) bash -n "$staged" 2>&1 | sed "s|^$staged|$path|" ;;
      /etc/logrotate.d/*) logrotate --debug --state /dev/null "$staged" 2>&1 | grep '^error:' | sed "s|$staged|$path|g" ;;
    esac || true
  done < <(manifest_rows "$1" file)
}

# complaints_of_process MANIFEST: what systemd would only say when it starts the service.
complaints_of_process() {
  local path key settings user group directory executable
  path="/etc/systemd/system/$(service_unit_of "$1")"
  key="$(awk -F '\t' -v path="$path" '$1 == "file" && $2 == path { print $7 }' "$1")"
  [[ -n "$key" ]] || return 0
  settings="$(settings_of <"$SERVICE_DIR/stage/$key")"
  user="$(service_setting User <<<"$settings")"
  [[ -n "$user" ]] || return 0
  group="$(service_setting Group <<<"$settings")"
  directory="$(service_setting WorkingDirectory <<<"$settings")"
  executable="$(service_setting ExecStart <<<"$settings")"
  executable="${executable%% *}"
  as_service "$user" "$group" test -x "$executable" || echo "$user may not execute $executable"
  # The directory itself gets the mode that lets it in.
  as_service "$user" "$group" test -x "$(dirname "$directory")" || echo "$user may not enter $(dirname "$directory")"
}

# service_setting NAME < settings_of: the last one of [Service].
service_setting() { awk -F '\037' -v name="$1" '$1 == "Service" && $2 == name { value = $3 } END { print value }'; }

# complaints_of_proxy MANIFEST: a restart of ours must not be the one that Apache's own configuration doesn't survive.
complaints_of_proxy() {
  manifest_has "$1" unit apache2.service && command -v apachectl >/dev/null || return 0
  apachectl configtest >/dev/null 2>&1 || apachectl configtest 2>&1 | grep -v '^AH00558' | sed 's/^/apachectl configtest: /'
}
