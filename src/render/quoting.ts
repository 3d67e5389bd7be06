/**
 * One function a target syntax: a value arrives there literally, or is refused.
 * The values were checked before (config/rules.ts); what is refused here is a mistake of ours or of a caller of the library.
 */

/** @throws Error if the value could end its line or isn't text. */
function oneLine(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number")
    throw new Error(`cannot render ${typeof value}`);
  const text = String(value);
  // eslint-disable-next-line no-control-regex -- a control character could end the line
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new Error("cannot render a value with control characters");
  if (!text.isWellFormed()) throw new Error("cannot render a value that isn't Unicode text");
  return text;
}

/**
 * Free text of a unit file's directive, such as Description=. `%` starts a specifier, a backslash at the end joins lines.
 * @see systemd.unit(5), "Specifiers"
 */
export function unitValue(value: unknown): string {
  const text = oneLine(value);
  // Newer systemd strips blanks before it looks for the backslash.
  if (text.trimEnd().endsWith("\\")) throw new Error("cannot render a value that ends with a backslash");
  return text.replaceAll("%", "%%");
}

/** @see systemd.syntax(7), "Quoting": within double quotes only backslash and quote are special; specifiers are expanded too. */
const unitQuoted = (text: string): string =>
  `"${oneLine(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%")}"`;

/** The value of Environment=: one quoted assignment. @see systemd.exec(5) */
export const unitAssignment = (name: unknown, value: unknown): string =>
  unitQuoted(`${oneLine(name)}=${oneLine(value)}`);

/**
 * The value of ExecStart=. Every argument is quoted, `$` doubled: there systemd puts the environment in.
 * The executable stands bare, since quotes don't keep systemd from reading `@`, `-` or `!` before it as a prefix.
 * @see systemd.service(5), "Command lines"
 */
export function unitCommand(exec: unknown): string {
  if (!Array.isArray(exec)) throw new Error("cannot render a command that isn't a list");
  const [executable, ...words] = exec.map(oneLine);
  if (executable === undefined || !/^(\/[A-Za-z0-9._@+-]+)+$/.test(executable)) {
    throw new Error(`cannot render the executable ${String(executable)}`);
  }
  return [executable, ...words.map((word) => unitQuoted(word).replaceAll("$", "$$$$"))].join(" ");
}

/** A line of an EnvironmentFile=: in double quotes, backslash escapes these four. @see systemd.exec(5) */
export const environmentFileAssignment = (name: unknown, value: unknown): string =>
  `${oneLine(name)}="${oneLine(value).replace(/["\\$`]/g, "\\$&")}"`;

/** One word for bash: in single quotes nothing is special but the quote itself. @see bash(1), "Quoting" */
export const shellWord = (value: unknown): string => `'${oneLine(value).replaceAll("'", "'\\''")}'`;
