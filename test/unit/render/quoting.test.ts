import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  environmentFileAssignment,
  shellWord,
  unitAssignment,
  unitCommand,
  unitValue,
} from "../../../src/render/quoting";
import { HOSTILE_TEXT } from "../support/configs";
import { execWords, unitText, unitWords } from "../support/unitSyntax";

/** One line of text: anything but control characters, and often just what is special somewhere. */
const line = fc
  .oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom(...Array.from(`  '"\\\`$%;#&|*?~!={}()[]<>@-:+\u00a0é🎲abn0`)),
      maxLength: 30,
    }),
  )
  // eslint-disable-next-line no-control-regex -- the very characters which the configuration refuses
  .filter((text) => !/[\u0000-\u001f\u007f]/.test(text));
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);

/** The arguments which bash makes of shell words, and the values that it assigns. */
async function bash(script: string): Promise<string[]> {
  const { stdout } = await execa("bash", ["-u", "-s"], { input: script, stripFinalNewline: false });
  return stdout.split("\0").slice(0, -1);
}

describe("a text arrives as it was written", () => {
  test.each([
    [unitValue, "50% of $HOME", "50%% of $HOME"],
    [unitValue, `it's "quoted" \\ here`, `it's "quoted" \\ here`],
    [unitValue, 10, "10"],
    [shellWord, "", "''"],
    [shellWord, 200, "'200'"],
    [shellWord, "it's $HOME", "'it'\\''s $HOME'"],
    [shellWord, "`id`; #", "'`id`; #'"],
    [(text: unknown) => unitAssignment("A", text), 'say "50%" \\', '"A=say \\"50%%\\" \\\\"'],
    [(text: unknown) => unitAssignment("A", text), "$HOME", '"A=$HOME"'],
    [(text: unknown) => environmentFileAssignment("A", text), "a'b$c\"d`e\\", 'A="a\'b\\$c\\"d\\`e\\\\"'],
    [(text: unknown) => environmentFileAssignment("A", text), "50%n #", 'A="50%n #"'],
    [(text: unknown) => unitCommand(["/bin/x", text]), "", '/bin/x ""'],
    [(text: unknown) => unitCommand(["/bin/x", text]), ";", '/bin/x ";"'],
    [(text: unknown) => unitCommand(["/bin/x", text]), "$A ${B} %n", '/bin/x "$$A $${B} %%n"'],
    [(text: unknown) => unitCommand(["/bin/x", text]), 'a\\"', '/bin/x "a\\\\\\""'],
  ])("%o: %j", (quote, text, quoted) => {
    expect(quote(text)).toBe(quoted);
  });
});

describe("whatever the text is, it arrives", () => {
  test("in bash, as one word", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 100 }), async (texts) => {
        const words = texts.map(shellWord).join(" ");
        expect(await bash(`printf '%s\\0' ${words}\n`)).toEqual(texts);
      }),
      { numRuns: 15, examples: [[[HOSTILE_TEXT, "", "-n", "!!"]]] },
    );
  });

  test("in a file of secrets, whose quoting is bash's too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 100 }), async (texts) => {
        const lines = texts.map((text, index) => environmentFileAssignment(`V${index}`, text));
        const values = texts.map((_, index) => `"$V${index}"`).join(" ");
        expect(await bash(`${lines.join("\n")}\nprintf '%s\\0' ${values}\n`)).toEqual(texts);
      }),
      { numRuns: 15, examples: [[[HOSTILE_TEXT, ""]]] },
    );
  });

  test("in a unit's Description=", () => {
    fc.assert(
      fc.property(line, (text) => {
        fc.pre(!text.trimEnd().endsWith("\\"));
        expect(unitText(unitValue(text))).toBe(text);
      }),
    );
  });

  test("in a unit's Environment=", () => {
    fc.assert(
      fc.property(name, line, (variable, text) => {
        expect(unitWords(unitAssignment(variable, text))).toEqual([`${variable}=${text}`]);
      }),
      { examples: [["A", HOSTILE_TEXT]] },
    );
  });

  test("in a unit's ExecStart=, every word for itself", () => {
    fc.assert(
      fc.property(fc.array(line), (words) => {
        const exec = ["/usr/bin/run", ...words];
        expect(execWords(unitCommand(exec))).toEqual(exec);
      }),
      { examples: [[[HOSTILE_TEXT, "", ";", "$$"]]] },
    );
  });
});

describe("what no quoting carries is refused", () => {
  const all: [string, (value: unknown) => string][] = [
    ["unitValue", unitValue],
    ["unitAssignment", (value) => unitAssignment("A", value)],
    ["unitAssignment's name", (value) => unitAssignment(value, "text")],
    ["unitCommand", (value) => unitCommand(["/bin/x", value])],
    ["environmentFileAssignment", (value) => environmentFileAssignment("A", value)],
    ["environmentFileAssignment's name", (value) => environmentFileAssignment(value, "text")],
    ["shellWord", shellWord],
  ];

  test.each(all)("a line break, another control character, half a character by %s", (_, quote) => {
    for (const text of ["a\nb", "a\rb", "\u0000", "\t", "\u001b[2J", "\u007f"]) {
      expect(() => quote(text)).toThrow("cannot render a value with control characters");
    }
    expect(() => quote("\udc00")).toThrow("cannot render a value that isn't Unicode text");
  });

  test.each(all)("a value that is missing or no text by %s", (_, quote) => {
    expect(() => quote(undefined)).toThrow("cannot render undefined");
    expect(() => quote(null)).toThrow("cannot render object");
    expect(() => quote({})).toThrow("cannot render object");
    expect(() => quote(true)).toThrow("cannot render boolean");
  });

  test.each(["a\\", "a\\ ", "a\\\\"])("a description that would join the next line to it: %j", (text) => {
    expect(() => unitValue(text)).toThrow("cannot render a value that ends with a backslash");
  });

  test.each([
    [[]],
    [["run"]],
    [["-/bin/run"]],
    [["@/bin/run"]],
    [["/bin/my run"]],
    [["/bin/%n"]],
    [["/bin/run/"]],
  ])("a command which systemd would read in another way: %j", (exec) => {
    expect(() => unitCommand(exec)).toThrow("cannot render the executable");
  });

  test("a shell line in the place of a list of words", () => {
    expect(() => unitCommand("/bin/x --y")).toThrow("cannot render a command that isn't a list");
  });
});
