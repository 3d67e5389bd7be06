# A configuration that was confirmed here before: how it differs from the present one, and its return.
# shellcheck shell=bash

# require_kept REVISION: it's here, whole, and so is what is to be replaced.
require_kept() {
  is_whole "$SERVICE_DIR/manifest" || fail "$EXIT_REFUSED" "nothing of $SERVICE is confirmed on this host; run pulumi up"
  [[ -f "$SERVICE_DIR/history/$1" && "$(manifest_confirmed "$SERVICE_DIR/history/$1" 3)" == "$1" ]] && is_whole "$SERVICE_DIR/history/$1" ||
    fail "$EXIT_REFUSED" "revision $1 isn't kept on this host; scripts/history lists those that are"
}

# compare REVISION: what its return would change, as text; nothing of a secret.
verb_compare() {
  local present="$SERVICE_DIR/manifest" wanted="$SERVICE_DIR/history/$SUBJECT"
  require_kept "$SUBJECT"
  {
    compare_files "$present" "$wanted"
    compare_others "$present" "$wanted"
  } | safe_lines | mask_secrets
}

# compare_files MANIFEST MANIFEST
compare_files() {
  local path was is
  while IFS= read -r path; do
    was="$(row_of "$1" "$path")" is="$(row_of "$2" "$path")"
    [[ "$was" != "$is" ]] || continue
    compare_file "$path" "$was" "$is"
  done < <(cat "$1" "$2" | awk -F '\t' '$1 == "file" && !seen[$2]++ { print $2 }')
}

# row_of MANIFEST PATH: hash, key, mode and owner of a file.
row_of() { awk -F '\t' -v path="$2" '$1 == "file" && $2 == path { print $3 " " $7 " " $4 " " $5 }' "$1"; }

# compare_file PATH ROW ROW
compare_file() {
  local path="$1" hash key mode owner to_hash to_key to_mode to_owner from=/dev/null to=/dev/null
  read -r hash key mode owner <<<"$2" || true
  read -r to_hash to_key to_mode to_owner <<<"$3" || true
  [[ -z "$key" ]] || from="$SERVICE_DIR/stage/$key"
  [[ -z "$to_key" ]] || to="$SERVICE_DIR/stage/$to_key"
  if [[ "$key" == "$to_key" ]]; then
    :
  elif [[ "$hash" == - || "$to_hash" == - ]]; then
    echo "$path $(what_becomes "$key" "$to_key") (its text is secret)"
  elif [[ ! -r "$from" || ! -r "$to" ]]; then
    echo "$path $(what_becomes "$key" "$to_key"), but the stored copy of it is gone"
  else
    diff -u --label "$path (now)" --label "$path ($SUBJECT)" -- "$from" "$to" || true
  fi
  [[ -z "$key" || -z "$to_key" || "$mode $owner" == "$to_mode $to_owner" ]] || echo "$path: $mode $owner becomes $to_mode $to_owner"
}

# what_becomes WAS IS
what_becomes() { if [[ -z "$1" ]]; then echo "is added"; elif [[ -z "$2" ]]; then echo "is removed"; else echo "is changed"; fi; }

# compare_others MANIFEST MANIFEST: units, directories, logs, settings.
compare_others() {
  awk -F '\t' '
    $1 != "unit" && $1 != "directory" && $1 != "log" && $1 != "setting" { next }
    { value = $1 == "setting" ? $7 : $4 " " $5 }
    FILENAME == ARGV[1] { was[$1 " " $2] = value; next }
    !(($1 " " $2) in was) { print $1 " " $2 " is added" }
    ($1 " " $2) in was && was[$1 " " $2] != value { print $1 " " $2 ": " was[$1 " " $2] " becomes " value }
    { seen[$1 " " $2] }
    END { for (row in was) if (!(row in seen)) print row " is removed" }' "$1" "$2"
}

# return REVISION < stack, user, commit: an update like any other, from `install` to `confirm`, of what is kept here. Under one
# lock, so that nobody comes in between; taken back like any other if it fails.
verb_return() {
  local stack user commit unit units kept="$SERVICE_DIR/history/$SUBJECT"
  IFS=$'\t' read -r stack user commit <"$INPUT" || true
  lock_service
  lock_host
  finish_swap
  require_returnable "$SUBJECT" "$stack"
  { grep -v '^confirmed' "$kept" >"$INPUT"; } 2>/dev/null || fail "$EXIT_FAILED" "cannot write to /run; is it full?"
  # shellcheck disable=SC2034 # read in transaction.bash and history.bash
  NOTE="$user"$'\t'"$commit" REVISION="$SUBJECT" TRANSACTION="$(sha256sum </proc/sys/kernel/random/uuid | cut -c1-12)"
  units="$(awk -F '\t' '$1 == "unit" && $7 != "recovery" { print $2 }' "$INPUT")"
  {
    verb_install
    verb_daemon_reload
    # Other services of the host needn't wait for this one's health.
    release_lock "$STATE_DIR/.lock"
    for unit in $units; do SUBJECT="$unit" verb_enable; done
    for unit in $units; do SUBJECT="$unit" verb_verify; done
    verb_health_check
    verb_confirm
  } >/dev/null
  say "revision $REVISION is back"
}

# require_returnable REVISION STACK
require_returnable() {
  local stack
  require_kept "$1"
  stack="$(stack_of "$SERVICE_DIR/manifest")"
  [[ "$stack" == "$2" ]] || fail "$EXIT_REFUSED" "$SERVICE on this host belongs to stack $stack, not to ${2:-none}"
  [[ ! -d "$SERVICE_DIR/transaction" ]] ||
    fail "$EXIT_REFUSED" "an update to revision $(cat "$SERVICE_DIR/transaction/revision") is open: it's confirmed or rolled back within two minutes"
  [[ "$(manifest_confirmed "$SERVICE_DIR/manifest" 3)" != "$1" ]] || fail "$EXIT_REFUSED" "revision $1 is the present one"
}
