import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { maskedAssignment, textDiff, withoutSecrets } from "../../../src/drift/textDiff";

const PATH = "/etc/systemd/system/shop.service";
const OURS = "[Service]\nEnvironment=PORT=80\nRestart=always\n";
/** The lines which are on the host and not ours, as they are shown. */
const shownOf = (onHost: string, wanted = OURS, secrets: readonly string[] = []): string[] =>
  (textDiff(PATH, onHost, wanted, secrets) ?? "")
    .split("\n")
    .slice(2)
    .filter((line) => line.startsWith("-"))
    .map((line) => line.slice(1));

test("a diff goes from what is on the host to what is configured", () => {
  expect(textDiff(PATH, OURS.replace("always", "no"), OURS, [])).toBe(
    [
      `--- ${PATH} (on the host)`,
      `+++ ${PATH} (configured)`,
      "@@ -2,2 +2,2 @@",
      " Environment=PORT=80",
      "-Restart=no",
      "+Restart=always",
    ].join("\n"),
  );
});

test.each([
  ["the environment", "Environment=API=abcdef", "Environment=API=[masked]"],
  ["the environment, quoted", 'Environment="API=abc def" "B=c"', 'Environment="API=[masked]'],
  ["the environment, several", "Environment=A=b C=d", "Environment=A=[masked]"],
  ["a password", "db_password: abcdef", "db_password: [masked]"],
  ["a password with another name behind", "PASSWORD_1 = abc def", "PASSWORD_1 = [masked]"],
  ["a token among words", "ExecStart=/bin/x --api-token=abcdef -v", "ExecStart=/bin/x --api-token=[masked]"],
  ["a key in JSON", '{"apiKey": "abcdef"}', '{"apiKey": [masked]'],
  ["a header", "Authorization: Bearer abcdef", "Authorization: [masked]"],
  ["a URL's user and password", "ExecStart=/bin/x db://u:abcdef@h/d", "ExecStart=/bin/x db://[masked]@h/d"],
  ["two URLs", "a://u:p@h b://v:q@i", "a://[masked]@h b://[masked]@i"],
  ["a terminal's sequences", "# \u001b[31mred\u001b[0m \u009b1m\u0007\r", "# [31mred[0m 1m"],
])("of a line that isn't ours, %s is masked", (_, line, shown) => {
  expect(shownOf(`${OURS}${line}\n`)).toEqual([shown]);
});

test("a line that is ours is shown as it is: it's in the configuration, and in the plan", () => {
  const diff = textDiff(PATH, OURS.replace("always", "no"), OURS, []);
  expect(diff).toContain("\n Environment=PORT=80\n");
});

test("a tab stays, and so do words that only look like one of those", () => {
  expect(shownOf(`${OURS}\t# passes, tokens and keys\n`)).toEqual(["\t# passes, tokens and keys"]);
});

describe("a known secret is shown nowhere:", () => {
  const secret = "hunter2/$&";
  test.each([
    ["on the host", `# ${secret}\n`, ""],
    ["in our own lines", "", `# ${secret}\n`],
    ["around what differs", `# ${secret}\na\n`, `# ${secret}\nb\n`],
    ["twice in a line", `${secret}${secret}\n`, ""],
  ])("%s", (_, onHost, wanted) => {
    const diff = textDiff(PATH, onHost, wanted, [secret]);
    expect(diff).not.toContain(secret);
    expect(diff).toContain("[masked]");
  });

  test("not even in an assignment", () => {
    expect(maskedAssignment("ExecStart", `/bin/x -p ${secret}`, [secret])).toBe(
      "ExecStart=/bin/x -p [masked]",
    );
  });

  test("but a very short one, which would mask ordinary words", () => {
    expect(withoutSecrets("no, not yes", ["no", "yes", ""])).toBe("no, not yes");
  });
});

test("a long diff is cut", () => {
  const diff = (textDiff(PATH, "x\n".repeat(100), OURS, []) ?? "").split("\n");
  expect(diff).toHaveLength(61);
  expect(diff.at(-1)).toBe("… 46 more lines");
});

test("64 KiB of anything are compared in no time", () => {
  const onHost = Array.from({ length: 20_000 }, (_, index) => String(index)).join("\n");
  const start = performance.now();
  textDiff(PATH, onHost, OURS.repeat(20), []);
  expect(performance.now() - start).toBeLessThan(1000);
});

test("no secret is shown, wherever it stands, whatever is around it", () => {
  // Of what a configuration allows: one line; and not a part of what is put in its place or of the diff's own words.
  const own = `[masked] --- +++ @@ ${PATH} (on the host) (configured) \\ No newline at end of file … more lines 0123456789,`;
  const secret = fc
    .string({ unit: "grapheme", minLength: 4, maxLength: 20 })
    .filter((text) => !/[\p{Cc}\s]/u.test(text) && !own.includes(text));
  const part = (known: readonly string[]) =>
    fc.oneof(
      fc.constantFrom(...known),
      fc.string(),
      fc.constantFrom("\n", "Environment=A=", "token: ", OURS),
    );
  const texts = fc.array(secret, { minLength: 1, maxLength: 3 }).chain((secrets) => {
    const text = fc.array(part(secrets), { maxLength: 12 }).map((parts) => parts.join(""));
    return fc.tuple(fc.constant(secrets), text, text);
  });
  fc.assert(
    fc.property(texts, ([secrets, onHost, wanted]) => {
      const diff = textDiff(PATH, onHost, wanted, secrets);
      for (const known of secrets) expect(diff ?? "").not.toContain(known);
    }),
    { numRuns: 500 },
  );
});

test("no control character but tabs and line ends is shown of a line that isn't ours", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (onHost) => {
      expect(textDiff(PATH, onHost, OURS, []) ?? "").not.toMatch(/[^\P{Cc}\t\n]/u);
    }),
  );
});
