# What the doctor's collector tells of HTTP, as the health check asks: the application, the proxy, the outside.
# shellcheck shell=bash

# As much of an answer is looked at as the health check does.
readonly MAX_BODY_BYTES=10485760

# ask_url KEY URL: curl's exit code, its words, the status, the seconds, and whether the expected text is in the answer. Nothing is
# written to the disk.
ask_url() {
  local answer facts text code='' status='' seconds='' message='' proxy=()
  # As in the health check: the environment's proxy is for the world outside.
  [[ "$2" == http://127.0.0.1:* ]] && proxy=(--noproxy '*')
  answer="$({
    curl --disable --silent --proto '=http,https' "${proxy[@]}" --max-time "${WANTED[timeout_sec]}" \
      --write-out '%{stderr}facts\t%{exitcode}\t%{http_code}\t%{time_total}\t%{errormsg}\n' -- "$2" | has_text
  } 2>&1)"
  facts="$(sed -n 's/^facts\t//p' <<<"$answer" | head -n 1)"
  text="$(sed -n 's/^text //p' <<<"$answer" | head -n 1)"
  IFS=$'\t' read -r code status seconds message <<<"$facts"
  tell url "$1" "${code:-none}" "${status:-000}" "${seconds:-0}" "${text:-0}" "${message:-}"
}

# has_text < body: how many of its lines have the expected text. All is read, or curl would fail for want of a reader.
has_text() {
  if [[ -z "${WANTED[expect_text]:-}" ]]; then
    head -c "$MAX_BODY_BYTES" >/dev/null && echo 'text 1'
  else
    printf 'text %s\n' "$(head -c "$MAX_BODY_BYTES" | grep -cF -- "${WANTED[expect_text]}")"
  fi
}

# tell_name URL: to which addresses its name leads from here.
tell_name() {
  local name addresses
  name="${1#*://}" && name="${name%%/*}" && name="${name%:*}"
  mapfile -t addresses < <(timeout 5 getent ahosts "$name" 2>/dev/null | awk '!seen[$1]++ { print $1 }' | head -n 8)
  tell resolved "$name" "${addresses[*]}"
}

# tell_certificate URL: what is shown there, in PEM; curl only says whether it's good. Where there is no openssl, the operator's side
# has to do.
tell_certificate() {
  local host="${1#https://}" name option
  [[ "$1" == https://* ]] && command -v openssl >/dev/null || return 0
  host="${host%%/*}" && name="${host%:*}"
  [[ "$host" == *:* ]] || host+=":443"
  # An address is no server name.
  if [[ "$name" =~ ^[0-9.]+$ ]]; then option=(-noservername); else option=(-servername "$name"); fi
  timeout 10 openssl s_client -connect "$host" "${option[@]}" </dev/null 2>/dev/null | openssl x509 2>/dev/null | tell_content certificate external
}
