import type { ConnectConfig } from "ssh2";

import { DIAL_TIMEOUT_SEC, type HostConnection } from "./connection";

/** One stage of a connection as ssh2 takes it; `onHostKey` hears of a key that isn't the pinned one. */
export function ssh2Connection(
  stage: { host: string; port?: number; user?: string; hostKey?: string },
  { privateKey, privateKeyPassphrase }: HostConnection,
  agent: string | undefined,
  onHostKey: (offered: string) => void,
): ConnectConfig {
  const [algorithm, pinned] = stage.hostKey?.split(" ") ?? [];
  return {
    host: stage.host,
    port: stage.port ?? 22,
    username: stage.user ?? "root",
    readyTimeout: DIAL_TIMEOUT_SEC * 1000,
    // Like the plugin: with a private key the agent isn't asked.
    ...(privateKey !== undefined ? { privateKey } : agent !== undefined && { agent }),
    ...(privateKeyPassphrase !== undefined && { passphrase: privateKeyPassphrase }),
    ...(algorithm !== undefined && { algorithms: { serverHostKey: [algorithm] as never } }),
    hostVerifier: (key: Buffer) => {
      const offered = key.toString("base64");
      if (pinned === undefined || offered === pinned) return true;
      onHostKey(`${algorithm ?? ""} ${offered}`);
      return false;
    },
  };
}
