# Sourced after common.bash: shows that a long, silent command is still at work.
# shellcheck shell=bash

# How often a line is printed when stderr is no terminal (on one, the line is redrawn every second).
readonly PROGRESS_LINE_SECONDS=30

# with_progress SENTENCE NAME UNIT COMMAND...: runs the command with its output in the cache's log/NAME.log and shows the
# time so far and, if UNIT isn't empty, the log's length in UNIT. Prints the log, shortened, only if the command fails.
with_progress() {
  local sentence="$1" log="$CACHE_DIR/log/$2.log" unit="$3" parent="$BASHPID" started="$SECONDS" shower code=0
  shift 3
  require_cache "$CACHE_DIR/log"
  : >"$log"
  say "$sentence"
  # The command stays in the foreground, so that Ctrl-C ends it too; the one in the background ends with its parent.
  show_progress "$sentence" "$log" "$unit" "$parent" >&2 &
  shower=$!
  "$@" >"$log" 2>&1 </dev/null || code=$?
  kill "$shower" 2>/dev/null || true
  wait "$shower" 2>/dev/null || true
  [[ ! -t 2 ]] || printf '\r\e[K' >&2
  if ((code)); then
    show_failure "$log" >&2
    return "$code"
  fi
  ((SECONDS - started < 5)) || say "$sentence: done in $(minutes_seconds $((SECONDS - started)))"
}

# show_progress SENTENCE LOG UNIT PARENT: until the parent has gone.
show_progress() {
  local sentence="$1" log="$2" unit="$3" parent="$4" started="$SECONDS" next_line="$PROGRESS_LINE_SECONDS" elapsed line
  while sleep 1 && kill -0 "$parent" 2>/dev/null; do
    elapsed=$((SECONDS - started))
    line="$sentence: $(minutes_seconds "$elapsed")"
    [[ -z "$unit" ]] || line+=", $(wc -l <"$log") $unit"
    if [[ -t 2 ]]; then
      printf '\r==> %s\e[K' "$line"
    elif ((elapsed >= next_line)); then
      printf '==> %s\n' "$line"
      next_line=$((elapsed + PROGRESS_LINE_SECONDS))
    fi
  done
}

# show_failure LOG: npm says what is wrong first, go last.
show_failure() {
  printf '%s\n' "--- $1:"
  if (($(wc -l <"$1") <= 24)); then
    cut -c -300 "$1"
  else
    head -n 12 "$1" | cut -c -300
    printf '...\n'
    tail -n 12 "$1" | cut -c -300
  fi
  printf '%s\n' '---'
}

# minutes_seconds SECONDS: 214 → 3 min 34 s.
minutes_seconds() {
  if (($1 < 60)); then
    printf '%d s' "$1"
  else
    printf '%d min %d s' $(($1 / 60)) $(($1 % 60))
  fi
}
