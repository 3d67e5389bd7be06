/** When something on the host noticed a failure, and when it began to repair; seconds since 1970 by the host's clock. */
export interface Repair {
  readonly noticed: number;
  readonly begun: number;
}

/** Lines of `journalctl --output short-unix`. */
const LINE = /^(\d+\.\d+) (.*)$/;

function linesSince(journal: string, since: number): { time: number; text: string }[] {
  return journal
    .split("\n")
    .map((line) => LINE.exec(line))
    .filter((match) => match !== null)
    .map(([, time, text = ""]) => ({ time: Number(time), text }))
    .filter(({ time }) => time >= since);
}

/** systemd's: it notices the end of a process at once, and waits RestartSec= before it starts the next. Pure. */
export function repairBySystemd(journal: string, since: number): Repair | undefined {
  const line = linesSince(journal, since).find(({ text }) => text.includes(": Main process exited"));
  return line && { noticed: line.time, begun: line.time };
}

/**
 * The health check's: the run that finds it has noticed it, and its first restart begins the repair. In between it asks again, to be sure;
 * a run that leaves it at that (failuresBeforeRepair) has noticed it as well. Pure.
 */
export function repairByCheck(journal: string, since: number): Repair | undefined {
  const lines = linesSince(journal, since);
  const begun = lines.find(({ text }) => text.includes("] Attempting to restart "));
  const error = lines.findIndex(({ text }) => text.includes("] ERROR: "));
  if (begun === undefined || error === -1) return undefined;
  const run = lines.slice(0, error).findLast(({ text }) => text.includes("] === Starting Health Check ==="));
  // A run that was under way.
  return { noticed: run?.time ?? since, begun: begun.time };
}
