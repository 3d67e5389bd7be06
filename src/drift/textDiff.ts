import { createTwoFilesPatch } from "diff";

/** Longer ones tell nobody more. */
const MAX_LINES = 60;
const MAX_COLUMNS = 200;

/**
 * A unified diff from the text on the host to the one that an update writes. Pure.
 *
 * @returns undefined if there is no difference that can be shown.
 *
 * What somebody wrote on the host may be a secret of theirs, and it goes to a terminal and a log: values of the environment,
 * of names that sound like a secret and within URLs are masked, and what could drive the terminal is dropped.
 */
export function textDiff(
  path: string,
  onHost: string,
  wanted: string,
  secrets: readonly string[],
): string | undefined {
  const ours = new Set(wanted.split("\n"));
  const shown = maskedLines(onHost.split("\n"), ours).join("\n");
  const patch = createTwoFilesPatch(
    `${path} (on the host)`,
    `${path} (configured)`,
    shown,
    wanted,
    undefined,
    undefined,
    { context: 1 },
  );
  if (!patch.includes("\n@@ ")) return undefined;
  const lines = withoutSecrets(patch, secrets)
    .replace(/^={10,}\n/, "")
    .trimEnd()
    .split("\n")
    .map((line) => (line.length <= MAX_COLUMNS ? line : `${line.slice(0, MAX_COLUMNS)}…`));
  return lines.length <= MAX_LINES
    ? lines.join("\n")
    : [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} more lines`].join("\n");
}

const MASK = "[masked]";

function maskedLines(lines: readonly string[], ours: ReadonlySet<string>): string[] {
  // A line that goes on from a masked one holds more of the same.
  let goesOn = false;
  return lines.map((line) => {
    const shown = ours.has(line) ? line : goesOn ? MASK : masked(line);
    goesOn = line.endsWith("\\") && shown.includes(MASK);
    return shown;
  });
}

const SECRET_WORD = "(?:pass|secret|token|key|credential|auth|pwd)[a-z0-9_-]*";

/** A line that isn't ours, without what could be a secret. */
const masked = (line: string): string =>
  printable(line)
    .replace(/^(\s*(?:Pass|Unset)?Environment\s*=\s*["']?[^=\s"']*=?).*/, `$1${MASK}`)
    .replace(new RegExp(`(${SECRET_WORD}["']?\\s*[=:]\\s*)\\S.*`, "i"), `$1${MASK}`)
    .replace(new RegExp(`(--?[a-z0-9_-]*${SECRET_WORD}\\s+)\\S.*`, "i"), `$1${MASK}`)
    .replace(/(:\/\/)[^\s]*@/g, `$1${MASK}@`);

/** Without control characters and those which turn or hide text. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- that's what is dropped
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]|\p{Cf}/gu, "");

/** Shorter ones would mask ordinary words. */
const SHORTEST_SECRET = 4;

/** The longest first: another may be a part of it. */
export const withoutSecrets = (text: string, secrets: readonly string[]): string =>
  secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length)
    .reduce((shown, secret) => shown.replaceAll(secret, MASK), text);

/** An assignment of a unit file as it may be shown. */
export const maskedAssignment = (key: string, value: string, secrets: readonly string[]): string =>
  withoutSecrets(masked(`${key}=${value}`), secrets);
