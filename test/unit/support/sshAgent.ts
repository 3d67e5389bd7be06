import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { onTestFinished, vi } from "vitest";

/** An empty folder for the length of a test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pulumi-systemd-ha-test."));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** OpenSSH's agent with one key, for the length of a test. Returns its socket. */
export async function startAgent(privateKey: string): Promise<string> {
  const socket = join(newFolder(), "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  onTestFinished(() => {
    agent.kill();
  });
  await vi.waitUntil(() => existsSync(socket), { timeout: 5000 });
  await execa("ssh-add", ["-"], { input: privateKey, env: { SSH_AUTH_SOCK: socket } });
  return socket;
}
