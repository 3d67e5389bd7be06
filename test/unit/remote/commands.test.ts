import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import * as commands from "../../../src/remote/commands";

const step = { service: "shop", transaction: "0123456789ab" };

// These texts are in the state of every user's stack: another text runs the step again on every host.
test.each([
  [commands.installHelper("3", "shop", "ab12"), "bash -s -- install-helper 3 shop ab12"],
  [commands.uninstall("shop"), "bash -s -- uninstall shop"],
  [
    commands.stage({ ...{ service: "shop", path: "/etc/logrotate.d/shop" }, revision: "ab12", keyed: false }),
    "stage shop /etc/logrotate.d/shop --revision ab12",
  ],
  [
    commands.stage({ ...{ service: "shop", path: "/etc/shop.env" }, revision: "ab12", keyed: true }),
    "stage shop /etc/shop.env --revision ab12 --keyed",
  ],
  [commands.step("install", step), "install shop --transaction 0123456789ab"],
  [commands.step("daemon-reload", step), "daemon-reload shop --transaction 0123456789ab"],
  [commands.step("enable", step, "nginx.service"), "enable shop nginx.service --transaction 0123456789ab"],
  [commands.step("verify", step, "nginx.service"), "verify shop nginx.service --transaction 0123456789ab"],
  [commands.step("health-check", step), "health-check shop --transaction 0123456789ab"],
  [commands.step("confirm", step), "confirm shop --transaction 0123456789ab"],
])("%s", (words, text) => {
  expect(words.join(" ")).toBe(text);
});

describe("a command line", () => {
  const path = "/usr/local/lib/pulumi-systemd-ha/3/helper";

  test("calls the helper of this version, whoever logs in: it becomes root by itself", () => {
    expect(commands.helperLine("3", ["confirm", "shop"])).toBe(`${path} confirm shop`);
  });

  test("of the probe goes through sudo for another user than root, which never asks", () => {
    expect(commands.asRoot("root", ["bash", "-s"])).toBe("bash -s");
    expect(commands.asRoot("deploy", ["bash", "-s"])).toBe("sudo -n bash -s");
  });

  test("quotes only what needs it", () => {
    expect(commands.commandLine(["/a/b@c:d.service", "x=1,2", "", "a b", "it's", "$(id)"])).toBe(
      "/a/b@c:d.service x=1,2 '' 'a b' 'it'\\''s' '$(id)'",
    );
  });

  test("reaches the program word by word, whatever shell the login has", async () => {
    const word = fc.string({ unit: "binary" }).filter((text) => !text.includes("\u0000"));
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 100 }), async (words) => {
        const line = commands.commandLine(["printf", "%s\\0", ...words]);
        for (const shell of ["bash", "sh"]) {
          const { stdout } = await execa(shell, ["-c", line], { stripFinalNewline: false });
          expect(stdout.split("\0").slice(0, -1)).toEqual(words);
        }
      }),
      { numRuns: 6, examples: [[["", "-n", "it's", "~", "*", "!x", "a\nb", "é🎲"]]] },
    );
  });
});
