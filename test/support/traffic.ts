import type { DisposableHost } from "./disposableHost";

/** What users saw while something happened on the host. */
export interface Traffic {
  readonly requests: number;
  readonly lost: number;
  /** The longest time without an answer, in seconds. */
  readonly outage: number;
}

const FILE = "/run/traffic";
const UNIT = "traffic.service";
/** A request after the other through the proxy, each on a connection of its own; a line each of when, and whether it was answered. */
const SCRIPT = `import http.client, time
with open("${FILE}", "w", buffering=1) as log:
    while True:
        start = time.monotonic()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", 8087, timeout=2)
            connection.request("GET", "/")
            good = connection.getresponse().status == 200
            connection.close()
        except OSError:
            good = False
        log.write(f"{start} {time.monotonic()} {int(good)}\\n")
        time.sleep(max(0, 0.05 - (time.monotonic() - start)))
`;

/** Asks the host's proxy twenty times a second, on the host itself, until the action has ended. */
export async function withTraffic<T>(host: DisposableHost, act: () => Promise<T>): Promise<[T, Traffic]> {
  await host.writeFile(`${FILE}.py`, SCRIPT);
  await host.exec(`systemd-run --quiet --collect --unit=${UNIT} python3 ${FILE}.py`);
  try {
    const result = await act();
    return [result, trafficOf((await host.exec(`cat ${FILE}`)).stdout)];
  } finally {
    await host.exec(`systemctl stop ${UNIT}`, { reject: false });
  }
}

/** Lines of start, end (seconds) and 1 for an answer. */
export function trafficOf(log: string): Traffic {
  const rows = log
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number) as [number, number, number]);
  let [outage, down]: [number, number | undefined] = [0, undefined];
  for (const [start, end, good] of rows) {
    if (good === 1 && down !== undefined) {
      outage = Math.max(outage, start - down);
      down = undefined;
    }
    if (good === 0) down ??= start;
    if (good === 0) outage = Math.max(outage, end - (down ?? start));
  }
  return { requests: rows.length, lost: rows.filter(([, , good]) => good === 0).length, outage };
}
