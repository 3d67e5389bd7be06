import type { DisposableHost } from "./disposableHost";

/**
 * An application that also writes numbered lines from a thread: as long as /run/write exists, at most as many a second as stand
 * there; then `written` says how many they were. To Gunicorn's access log, or without one to stdout.
 */
export const WRITER = `import logging, os, sys, threading, time
from app import app

log = logging.getLogger("gunicorn.access")
if not any(isinstance(handler, logging.FileHandler) for handler in log.handlers):
    log.info = lambda line: (sys.stdout.write(line + "\\n"), sys.stdout.flush())

def write():
    while not os.path.exists("/run/write"):
        time.sleep(0.1)
    pace, number, begun = float(open("/run/write").read()), 0, time.monotonic()
    while number % 100 or os.path.exists("/run/write"):
        number += 1
        log.info("line %d end" % number)
        early = begun + number / pace - time.monotonic()
        if early > 0:
            time.sleep(early)
    open("new", "w").write(str(number))
    os.rename("new", "written")
    write()

threading.Thread(target=write, daemon=True).start()
`;

/** Asks for /?n=1, /?n=2… until /run/asked-enough exists; then /run/asked says how often. */
export const ASKER = `import http.client, os
n = 0
while not os.path.exists("/run/asked-enough"):
    n += 1
    connection = http.client.HTTPConnection("127.0.0.1", 5137)
    connection.request("GET", "/?n=%d" % n)
    connection.getresponse().read()
open("/run/asked", "w").write(str(n))
`;

export interface Tally {
  readonly written: number;
  readonly lost: number;
  readonly twice: number;
  /** Runs of lost numbers: the occasions on which something was lost. */
  readonly gaps: number;
}

/** What a log and its rotated files have of the numbers from 1 to `written`, which the pattern finds. */
export async function tally(
  host: DisposableHost,
  log: string,
  pattern: string,
  written: number,
): Promise<Tally> {
  const { stdout } = await host.exec(`zcat -f ${log} ${log}.* | grep -oP '${pattern}'`);
  const numbers = stdout.trim().split("\n").map(Number);
  const found = new Set(numbers);
  const lost = Array.from({ length: written }, (_, index) => index + 1).filter((n) => !found.has(n));
  const gaps = lost.filter((number, index) => lost[index - 1] !== number - 1);
  return { written, lost: lost.length, twice: numbers.length - found.size, gaps: gaps.length };
}
