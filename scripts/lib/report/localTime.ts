/** A line of the health check's log, with its time made absolute. */
export interface TimedLine {
  readonly at: number;
  readonly text: string;
  /** `journal`: exact; `log`: to the second. */
  readonly source: "journal" | "log";
}

export interface ResolvedLog {
  readonly lines: readonly TimedLine[];
  /** Lines of an hour that the clocks showed twice, which nothing tells apart: the earlier one was taken. */
  readonly ambiguous: number;
}

const LINE = /^\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\] (.*)$/;

/** An offset is at most 14 hours; a line of the journal and its own time belong together within that. */
const MAX_OFFSET_MS = 14 * 3600 * 1000;

/**
 * Brings the log and the journal's copy of it together: each line once, the oldest first. Pure.
 *
 * The log has local time without a zone. Where the journal has the same line, it says when that was; such lines also tell the
 * offset of those beside them. What remains is resolved by the host's zone and the order in the log.
 *
 * @param log the oldest first
 * @param zone IANA name
 */
export function resolveLog(
  log: readonly string[],
  journal: readonly { readonly at: number; readonly line: string }[],
  zone: string,
): ResolvedLog {
  const anchors = anchorsOf(journal);
  const resolved: TimedLine[] = [];
  const offsets = offsetsBeside(log, anchors);
  let previous = -Infinity;
  let ambiguous = 0;
  for (const [index, line] of log.entries()) {
    const parsed = LINE.exec(line);
    // The journal's lines are added whole.
    if (parsed === null || anchors.has(line)) {
      previous = Math.max(previous, anchors.get(line) ?? previous);
      continue;
    }
    const local = Date.parse(`${parsed[1] ?? ""}T${parsed[2] ?? ""}Z`);
    if (Number.isNaN(local)) continue;
    const { before, after } = offsets[index] ?? {};
    const candidates = candidatesOf(local, before, after, zone);
    // A second for what ends within the line's own; the next anchor bounds it from above.
    const possible = candidates.filter((at) => at > previous - 1000 && at <= (after?.at ?? Infinity));
    const at = possible[0] ?? candidates.at(-1) ?? local;
    if (possible.length > 1) ambiguous += 1;
    previous = Math.max(previous, at);
    resolved.push({ at, text: parsed[3] ?? "", source: "log" });
  }
  const exact = journal.flatMap(({ at, line }): TimedLine[] => {
    const text = LINE.exec(line)?.[3];
    return text === undefined ? [] : [{ at, text, source: "journal" }];
  });
  return { lines: [...exact, ...resolved].sort((a, b) => a.at - b.at), ambiguous };
}

/** By the line. One that the journal has twice, from the hour that came twice, tells nothing. */
function anchorsOf(
  journal: readonly { readonly at: number; readonly line: string }[],
): ReadonlyMap<string, number> {
  const anchors = new Map<string, number>();
  for (const { at, line } of journal) if (!anchors.has(line)) anchors.set(line, at);
  return anchors;
}

interface Anchor {
  readonly at: number;
  readonly offset: number;
}
interface Beside {
  readonly before?: Anchor;
  readonly after?: Anchor;
}

/** For each line, the nearest anchors before and after it. */
function offsetsBeside(log: readonly string[], anchors: ReadonlyMap<string, number>): Beside[] {
  const found = log.map((line) => anchorOf(line, anchors));
  const before: (Anchor | undefined)[] = [];
  let last: Anchor | undefined;
  for (const anchor of found) before.push((last = anchor ?? last));
  const beside: Beside[] = [];
  let next: Anchor | undefined;
  for (let index = found.length - 1; index >= 0; index -= 1) {
    next = found[index] ?? next;
    const former = before[index];
    beside[index] = { ...(former && { before: former }), ...(next && { after: next }) };
  }
  return beside;
}

function anchorOf(line: string, anchors: ReadonlyMap<string, number>): Anchor | undefined {
  const at = anchors.get(line);
  const parsed = LINE.exec(line);
  if (at === undefined || parsed === null) return undefined;
  const local = Date.parse(`${parsed[1] ?? ""}T${parsed[2] ?? ""}Z`);
  if (Number.isNaN(local) || Math.abs(local - at) > MAX_OFFSET_MS) return undefined;
  // Offsets are whole minutes; the line was written a moment before the journal took it.
  return { at, offset: Math.round((local - at) / 60_000) * 60_000 };
}

/** What a local time may have been, the earliest first. */
function candidatesOf(
  local: number,
  before: Anchor | undefined,
  after: Anchor | undefined,
  zone: string,
): readonly number[] {
  const offsets =
    before !== undefined && after !== undefined ? [before.offset, after.offset] : zoneOffsets(local, zone);
  return [...new Set(offsets)].map((offset) => local - offset).sort((a, b) => a - b);
}

const DAY_MS = 24 * 3600 * 1000;

/** The offsets with which a zone's clocks showed a local time: two where they were put back, the former one where none did. */
function zoneOffsets(local: number, zone: string): readonly number[] {
  const around = [offsetAt(local - DAY_MS, zone), offsetAt(local + DAY_MS, zone)];
  const fitting = around.filter((offset) => offsetAt(local - offset, zone) === offset);
  return fitting.length > 0 ? fitting : around.slice(0, 1);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function offsetAt(at: number, zone: string): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    formats.set(zone, format);
  }
  const name = format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "GMT";
  const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
