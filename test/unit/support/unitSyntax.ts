/**
 * What systemd makes of a line, from its manual pages and not from src/render/quoting.ts; it refuses what would be special.
 * A host test asks systemd itself.
 */

/** @see systemd.unit(5), "Specifiers" */
export const unitText = (text: string): string =>
  text.replace(/%(.?)/gu, (_, next: string) => {
    if (next !== "%") throw new Error(`specifier %${next}`);
    return "%";
  });

/** @see systemd.syntax(7), "Quoting": words, quoted or bare, with their escapes resolved. */
export function unitWords(line: string): string[] {
  const words = [...line.matchAll(/"((?:[^"\\]|\\["\\])*)"(?: |$)|([^ "'\\]+)(?: |$)/gu)];
  if (words.map(([match]) => match).join("") !== line) throw new Error(`not words: ${line}`);
  return words.map(([, quoted, bare = ""]) => unitText(quoted?.replace(/\\(.)/gu, "$1") ?? bare));
}

/** @see systemd.service(5), "Command lines": the environment is put in where a `$` isn't doubled. */
export const execWords = (line: string): string[] =>
  unitWords(line).map((word) =>
    word.replace(/\$(.?)/gu, (_, next: string) => {
      if (next !== "$") throw new Error(`variable $${next}`);
      return "$";
    }),
  );
