import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import * as commands from "../../../src/remote/commands";

const step = { service: "shop", transaction: "0123456789ab" };

// These texts are in the state of every user's stack: another text runs the step again on every host.
test.each([
  [commands.installHelper("3"), "bash -s -- install-helper 3"],
  [commands.uninstall("shop"), "bash -s -- uninstall shop"],
  [
    commands.stage("shop", "/etc/systemd/system/shop.service", "ab12"),
    "stage shop /etc/systemd/system/shop.service --key ab12",
  ],
  [commands.install(step, 90), "install shop --transaction 0123456789ab --within 90"],
  [commands.daemonReload(step), "daemon-reload shop --transaction 0123456789ab"],
  [
    commands.enable(step, "nginx.service", 30),
    "enable shop nginx.service --transaction 0123456789ab --within 30",
  ],
  [
    commands.enable(step, "shop.service", 30, "ff00"),
    "enable shop shop.service --transaction 0123456789ab --within 30 --witness ff00",
  ],
  [
    commands.verify(step, "shop.service", 30),
    "verify shop shop.service --transaction 0123456789ab --within 30",
  ],
  [
    commands.healthCheck(step, "/srv/shop/bin/health-check.sh", 30),
    "health-check shop --transaction 0123456789ab --within 30 --script /srv/shop/bin/health-check.sh",
  ],
  [commands.confirm(step), "confirm shop --transaction 0123456789ab"],
])("%s", (words, text) => {
  expect(words.join(" ")).toBe(text);
});

describe("a command line", () => {
  const path = "/usr/local/lib/pulumi-systemd-ha/3/helper";

  test("calls the helper of this version, as root directly and as another user by sudo that never asks", () => {
    expect(commands.helperLine("root", "3", ["confirm", "shop"])).toBe(`${path} confirm shop`);
    expect(commands.helperLine("deploy", "3", ["confirm", "shop"])).toBe(`sudo -n ${path} confirm shop`);
  });

  test("quotes only what needs it", () => {
    expect(commands.asRoot("root", ["/a/b@c:d.service", "x=1,2", "", "a b", "it's", "$(id)"])).toBe(
      "/a/b@c:d.service x=1,2 '' 'a b' 'it'\\''s' '$(id)'",
    );
  });

  test("reaches the program word by word, whatever shell the login has", async () => {
    const word = fc.string({ unit: "binary" }).filter((text) => !text.includes("\u0000"));
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 100 }), async (words) => {
        const line = commands.asRoot("root", ["printf", "%s\\0", ...words]);
        for (const shell of ["bash", "sh"]) {
          const { stdout } = await execa(shell, ["-c", line], { stripFinalNewline: false });
          expect(stdout.split("\0").slice(0, -1)).toEqual(words);
        }
      }),
      { numRuns: 6, examples: [[["", "-n", "it's", "~", "*", "!x", "a\nb", "é🎲"]]] },
    );
  });
});
