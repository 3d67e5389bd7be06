import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { refuseOtherStack } from "./hostHistory";
import { chosenHosts, HostError, callHelper, type StackHost } from "./hosts";
import { EXIT, runProgram } from "./program";
import { type HostRecord, unpackRecord } from "./report/hostRecord";
import { type HostReport, hostReport, leadMs, type ReportOptions } from "./report/hostReport";
import { reportPage } from "./report/page";
import { reportText } from "./report/terminal";
import { timeSpanMs } from "./report/words";
import { type SelectedStack, selectedStack, UsageError } from "./stack";

/** More than the helper's own limit, which says a sentence. */
const LIMIT_SEC = 180;
/** A host with a large journal takes longer than people wait without a word. */
const SAY_AFTER_MS = 3_000;

interface HostResult {
  readonly host: StackHost;
  readonly code: number;
  readonly report?: HostReport;
  readonly error?: string;
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: {
      host: { type: "string" },
      stack: { type: "string" },
      since: { type: "string", default: "30d" },
      objective: { type: "string", default: "99.9" },
      json: { type: "boolean", default: false },
      html: { type: "string" },
    },
  });
  const asked = { sinceMs: sinceOf(options.since), objective: objectiveOf(options.objective) };
  const stack = await selectedStack(options.stack);
  const hosts = chosenHosts(stack, options.host);
  const results = await Promise.all(hosts.map((host) => resultFor(host, stack, asked)));
  const { fullName, config } = stack;
  if (options.html !== undefined) {
    writeTo(options.html, reportPage({ stack: fullName, service: config.service.name, ...asked }, results));
  }
  if (options.json) {
    const { objective } = asked;
    console.log(JSON.stringify({ stack: fullName, objective, hosts: results.map(plain) }, wholeMs, 2));
  } else {
    for (const result of results) console.log(shown(result, asked.objective));
  }
  return Math.max(...results.map(({ code }) => code));
}

/** @throws UsageError */
function sinceOf(text: string): number {
  const ms = timeSpanMs(text);
  // Ten years: more is a slip.
  if (ms === undefined || ms < 60_000 || ms > 3660 * 86_400_000) {
    throw new UsageError(`--since must be a time span of at least a minute, such as 30d, got "${text}"`);
  }
  return ms;
}

/** @throws UsageError */
function objectiveOf(text: string): number {
  const share = /^\d{1,3}(\.\d{1,4})?$/.test(text) ? Number(text) / 100 : Number.NaN;
  // 99.9 / 100 is 0.9990000000000001.
  if (share > 0 && share <= 1) return Number(share.toFixed(6));
  throw new UsageError(`--objective must be a percentage up to 100, such as 99.9, got "${text}"`);
}

/** @throws UsageError */
function writeTo(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${(error as Error).message}`);
  }
}

async function resultFor(host: StackHost, stack: SelectedStack, options: ReportOptions): Promise<HostResult> {
  const slow = setTimeout(() => {
    console.error(`==> ${host.name} is reading its journal`);
  }, SAY_AFTER_MS);
  try {
    const record = await recordOf(host, stack, options.sinceMs);
    refuseOtherStack(host, stack, record.stack);
    const report = hostReport(record, stack.config, options);
    return { host, code: report.summary.isMet ? EXIT.ok : EXIT.finding, report };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { host, code: error.exitCode, error: error.message };
  } finally {
    clearTimeout(slow);
  }
}

/** @throws HostError */
async function recordOf(host: StackHost, stack: SelectedStack, sinceMs: number): Promise<HostRecord> {
  const since = Math.floor((Date.now() - sinceMs - leadMs(stack.config)) / 1000);
  const answer = await callHelper(host, stack, { words: ["journal", String(since)], timeoutSec: LIMIT_SEC });
  try {
    return unpackRecord(answer);
  } catch {
    const sentence = "what the host tells of its past doesn't arrive whole; try a shorter --since";
    throw new HostError(EXIT.finding, sentence);
  }
}

const iso = (at: number): string => new Date(at).toISOString();

/** systemd's microseconds are more than anybody measures here. */
const wholeMs = (key: string, value: unknown): unknown =>
  key.endsWith("Ms") && typeof value === "number" ? Math.round(value) : value;

/** For programs: times in ISO 8601, lengths in milliseconds, shares from 0 to 1. */
function plain({ host: { name, address }, code, report, error }: HostResult): object {
  if (report === undefined) return { name, address, code, error };
  const { window, summary, segments, incidents, exactness } = report;
  return {
    ...{ name, address, code, from: iso(window.from), to: iso(window.to), summary },
    incidents: incidents.map(({ from, to, detected, ...incident }) => ({
      from: iso(from),
      ...(to !== undefined && { to: iso(to), durationMs: to - from }),
      ...(detected && { detected: { at: iso(detected.at), by: detected.by } }),
      ...incident,
    })),
    timeline: segments.map(({ from, to, ...segment }) => ({ from: iso(from), to: iso(to), ...segment })),
    exactness,
  };
}

function shown({ host: { name, address }, report, error }: HostResult, objective: number): string {
  if (report === undefined) return `${name} (${address}): ${error ?? ""}`;
  return [`${name} (${address}):`, ...reportText(report, objective)].join("\n");
}

runProgram(main);
