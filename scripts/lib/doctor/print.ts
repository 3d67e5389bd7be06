import type { Layer, Problem, Status } from "./verdict";

const MARKS: Readonly<Record<Status, string>> = { ok: "✓", warning: "!", failed: "✗", unknown: "-" };
/** See ECMA-48, SGR. */
const COLOURS: Readonly<Record<Status, number>> = { ok: 32, warning: 33, failed: 31, unknown: 2 };

/**
 * A line a layer, and below it what is wrong and how to mend it. Pure.
 *
 * @param host its name, before commands that are for it
 * @param hasColours of the terminal
 */
export function layersText(layers: readonly Layer[], host: string, hasColours: boolean): string[] {
  const width = Math.max(...layers.map(({ name }) => name.length));
  const below = " ".repeat(width + 6);
  return layers.flatMap(({ name, status, seen, problems }) => {
    const mark = hasColours ? `\u001b[${COLOURS[status]}m${MARKS[status]}\u001b[0m` : MARKS[status];
    const lines = problems.flatMap((problem, at) => problemLines(problem, problems[at + 1], host));
    const [first = seen, ...rest] = lines;
    return [`  ${mark} ${name.padEnd(width)}  ${first}`, ...rest.map((line) => `${below}${line}`)];
  });
}

/** A command that the next problem repeats is told once, after it. */
function problemLines({ cause, mend, diff }: Problem, next: Problem | undefined, host: string): string[] {
  const isRepeated = next?.mend?.command === mend?.command && next?.mend?.on === mend?.on;
  return [
    cause,
    ...(diff === undefined ? [] : diff.split("\n").map((line) => `  ${line}`)),
    ...(mend === undefined || isRepeated
      ? []
      : [`→ ${mend.on === "host" ? `on ${host}` : "here"}: ${mend.command}`]),
  ];
}
