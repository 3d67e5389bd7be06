import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { helperBundle, helperListing, probeBundle } from "../../../src/remote/bundle";
import { helperVersion } from "../../../src/render/templates";
import { CHECKOUT, desiredOf, GOLDEN, minimal, seed } from "../support/configs";

const HOST = join(CHECKOUT, "host");
const bundle = helperBundle(undefined);

/** Stands for the host's root directory. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pulumi-systemd-ha-test."));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

/** Runs a text as a host does, with its paths below `root`. */
const run = (text: string, ...words: string[]) =>
  execa("bash", ["-s", "--", ...words], {
    input: text
      .replace("=/usr/local/lib/pulumi-systemd-ha\n", `=${root}/installed\n`)
      .replace('="/var/lib/', `="${root}/var/lib/`)
      // Whoever runs the tests stands for root.
      .replace("((EUID == 0))", "true")
      .replace("root:root", "$(id -un):$(id -gn)")
      .replace("mktemp -d /run/", `mktemp -d ${root}/`),
    reject: false,
  });

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();

test("another version of the helper has another number, since hosts keep them side by side", async () => {
  const hash = createHash("sha256").update(bundle).digest("hex");
  try {
    await expect(`${helperVersion()} ${hash}\n`).toMatchFileSnapshot(join(GOLDEN, "hostVersion.txt"));
  } catch (cause) {
    throw new Error(
      "what runs on hosts has changed: raise host/VERSION, unless this version was never released, and run `npx vitest run --project unit -u`",
      { cause },
    );
  }
});

test("the version is part of a path and of every command: one short word", () => {
  expect(helperVersion()).toMatch(/^[0-9][0-9.]*$/);
});

describe("the helper, as it travels,", () => {
  test("is bash without a syntax error", async () => {
    const { exitCode, stderr } = await execa("bash", ["-n"], { input: bundle, reject: false });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("arrives byte for byte, the entry executable", async () => {
    const { exitCode, stdout } = await run(bundle, "install-helper", "7", "shop", "ab12");
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "helper version 7 installed" });
    const libraries = readdirSync(join(HOST, "lib")).map((name) => `lib/${name}`);
    expect(filesBelow(join(root, "installed/7"))).toEqual(["helper", ...libraries].sort());
    for (const name of ["helper", ...libraries]) {
      expect(readFileSync(join(root, "installed/7", name), "utf8")).toBe(
        readFileSync(join(HOST, name), "utf8"),
      );
      expect(statSync(join(root, "installed/7", name)).mode & 0o777).toBe(name === "helper" ? 0o755 : 0o644);
    }
  });

  test("mends what was altered, and leaves nothing lying about", async () => {
    await run(bundle, "install-helper", "7", "shop", "ab12");
    writeFileSync(join(root, "installed/7/helper"), "altered");
    await run(bundle, "install-helper", "7", "shop", "ab12");
    expect(readFileSync(join(root, "installed/7/helper"), "utf8")).toBe(
      readFileSync(join(HOST, "helper"), "utf8"),
    );
    expect(readdirSync(root)).toEqual(["installed", "var"]);
  });

  test("does nothing with a verb that it doesn't know", async () => {
    await run(bundle, "no-such-verb", "7", "shop", "ab12");
    expect(readdirSync(root)).toEqual([]);
  });

  test("does nothing where the connection broke while it arrived", async () => {
    const last = bundle.lastIndexOf("finish");
    const cuts = [
      ...[0, 0.25, 0.5, 0.75].map((part) => Math.floor(last * part)),
      ...["", "fin", "finish", 'finish "', 'finish "$@'].map((start) => last + start.length),
    ];
    for (const cut of cuts) {
      await run(bundle.slice(0, cut), "install-helper", "7", "shop", "ab12");
      expect(readdirSync(root), `cut off after ${cut} characters`).toEqual([]);
    }
  });

  test("brings the points where tests kill it only in tests", () => {
    const faults = join(root, "faults.bash");
    writeFileSync(faults, "fault_point() { kill -9 $$; }\n");
    expect(bundle).not.toContain("fault.bash <<");
    expect(helperBundle(faults)).toContain("add_file lib/fault.bash 0644 <<");
  });
});

describe("the probe, as it travels,", () => {
  const texts = [
    { path: "/etc/systemd/system/shop.service", text: "[Service]\nExecStart=/bin/echo $(id) `id` '\n" },
  ];
  const probe = probeBundle(desiredOf(minimal()), texts);
  /** What one command in the place of its last line says, on a host of which `root` is the helper's directory. */
  const ask = async (command: string) => {
    const script = probe.replace("%u:%g", "root:root").replace(/main "\$@"\n$/, `${command}\n`);
    const { stdout, stderr } = await execa("bash", ["-s"], { input: script });
    expect(stderr).toBe("");
    return stdout.split("\t");
  };
  const askForHelper = () => ask(`HELPER=${root}/installed/7\nlook_at "$HELPER/helper"\nhelper`);

  test("is bash without a syntax error", async () => {
    const { exitCode, stderr } = await execa("bash", ["-n"], { input: probe, reject: false });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("names all that is managed, and carries the units' texts as they are", async () => {
    const { files, directories, logs, units } = desiredOf(seed());
    const lines = probeBundle(desiredOf(seed()), []).split("\n");
    const named = lines.filter((line) => /^add_thing \w/.test(line)).map((line) => line.split(" ")[2]);
    expect(named.sort()).toEqual(
      [
        ...[...files, ...directories, ...logs].map(({ path }) => path),
        ...units.map(({ name }) => name),
      ].sort(),
    );
    const [text] = await ask('printf %s "${TEXTS[/etc/systemd/system/shop.service]}"');
    expect(`${String(text)}\n`).toBe(texts[0]?.text);
  });

  test("says of a helper that was installed whole what is expected here, and of any other something else", async () => {
    await run(bundle, "install-helper", "7", "shop", "ab12");
    expect((await askForHelper())[1]).toBe(helperListing(undefined));
    const library = join(root, "installed/7/lib/files.bash");
    const text = readFileSync(library, "utf8");
    for (const damage of [
      () => {
        writeFileSync(library, `${text}\n`);
      },
      () => {
        writeFileSync(library, text, { mode: 0o644 });
        chmodSync(library, 0o777);
      },
      () => {
        rmSync(library);
      },
      () => {
        writeFileSync(library, text);
        writeFileSync(join(root, "installed/7/lib/stranger.bash"), "");
      },
    ]) {
      damage();
      expect((await askForHelper())[1]).not.toBe(helperListing(undefined));
    }
    // Sent again, it's whole.
    await run(bundle, "install-helper", "7", "shop", "ab12");
    expect((await askForHelper())[1]).toBe(helperListing(undefined));
  });

  test("says where the helper isn't, so that a new one has another revision", async () => {
    const [, listing, anchor] = await askForHelper();
    expect(listing).not.toBe(helperListing(undefined));
    expect(anchor).toMatch(/^\d+ [\d.]+$/);
  });
});
