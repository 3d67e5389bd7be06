import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { updateNote } from "../../../src/remote/note";

/** Who updates and from which commit, as a host's history tells. */
let repository: string;
let elsewhere: string;
const git = (...words: string[]): string =>
  execFileSync("git", ["-c", "user.name=mia", "-c", "user.email=mia@example.org", ...words], {
    cwd: repository,
    encoding: "utf8",
  }).trim();

beforeAll(() => {
  repository = mkdtempSync(join(tmpdir(), "note-"));
  elsewhere = mkdtempSync(join(tmpdir(), "note-"));
  writeFileSync(join(repository, "Pulumi.prod.yaml"), "config: {}\n");
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--no-gpg-sign", "-m", "First");
  git("tag", "v1");
});
afterAll(() => {
  for (const directory of [repository, elsewhere]) rmSync(directory, { recursive: true });
});

const USER = `${userInfo().username}@${hostname()}`;

test("at a desk it's the login, the machine, and the commit that is checked out", async () => {
  const commit = git("rev-parse", "--short=12", "HEAD");
  expect(await updateNote({}, repository)).toEqual({ user: USER, commit });
});

test("a plus says that something wasn't committed", async () => {
  writeFileSync(join(repository, "Pulumi.prod.yaml"), "config: {a: b}\n");
  expect((await updateNote({}, repository)).commit).toMatch(/^[0-9a-f]{12}\+$/);
});

test.each([
  ["GitHub", { GITHUB_ACTOR: "mia", GITHUB_SHA: "0123456789abcdef0123" }],
  ["GitLab", { GITLAB_USER_LOGIN: "mia", CI_COMMIT_SHA: "0123456789abcdef0123" }],
])("in %s's CI it's who started the run, and its commit where there is no repository", async (_, env) => {
  expect(await updateNote(env, elsewhere)).toEqual({ user: "mia", commit: "0123456789ab" });
});

test("what isn't known is a dash", async () => {
  expect((await updateNote({}, elsewhere)).commit).toBe("-");
});

test("a name can't bring blanks, control characters or a page of text", async () => {
  const { user } = await updateNote({ GITHUB_ACTOR: `m\ti a\n\u001b[31m${"x".repeat(200)}` }, elsewhere);
  expect(user).toMatch(/^mia\[31mx+$/);
  expect(user).toHaveLength(64);
});
