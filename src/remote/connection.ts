import type { types } from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";
import type { Config, HostConfig } from "../config/types";

/** How a host is reached. Plain values: the component takes them as one input, which may come from another resource. */
export interface HostConnection {
  /** Host name or IP address. */
  readonly host: string;
  /** @default 22 */
  readonly port?: number;
  /** Another user than root runs everything through `sudo -n`. @default "root" */
  readonly user?: string;
  /** The pinned key, `ssh-ed25519 AAAA…`. Left out only together with `insecureIgnoreHostKey`. */
  readonly hostKey?: string;
  /** Accept whoever answers. @default false */
  readonly insecureIgnoreHostKey?: boolean;
  /** In OpenSSH or PEM format. @default the ssh-agent of SSH_AUTH_SOCK */
  readonly privateKey?: string;
  readonly privateKeyPassphrase?: string;
  /** A jump host, logged in to with the same key. */
  readonly bastion?: {
    readonly host: string;
    readonly port?: number;
    readonly user?: string;
    readonly hostKey: string;
  };
}

/** The same as a component's argument: any of it may come from another resource. */
export type ConnectionInput = pulumi.Input<{
  readonly [Field in keyof HostConnection]: pulumi.Input<HostConnection[Field]>;
}>;

/** The connection that a stack's configuration describes. */
export function connectionTo(
  host: HostConfig,
  { sshPrivateKey, sshPrivateKeyPassphrase }: Pick<Config, "sshPrivateKey" | "sshPrivateKeyPassphrase">,
): HostConnection {
  const { address, port, user, hostKey, insecureIgnoreHostKey, bastion } = host;
  return {
    host: address,
    port,
    user,
    insecureIgnoreHostKey,
    ...(hostKey !== undefined && { hostKey }),
    ...(sshPrivateKey !== undefined && { privateKey: sshPrivateKey }),
    ...(sshPrivateKeyPassphrase !== undefined && { privateKeyPassphrase: sshPrivateKeyPassphrase }),
    ...(bastion && { bastion: { ...bastion, host: bastion.address } }),
  };
}

/** Seconds for one attempt to connect and log in. */
export const DIAL_TIMEOUT_SEC = 15;

type PluginConnection = types.input.remote.ConnectionArgs;

/**
 * The connection as the command plugin takes it, every field set: one that appears or vanishes would be a difference,
 * and any difference runs the command again.
 */
export function pluginConnection(connection: HostConnection): PluginConnection {
  const { host, port = 22, user = "root", hostKey, privateKey, privateKeyPassphrase, bastion } = connection;
  const credentials = {
    ...(privateKey !== undefined && { privateKey }),
    ...(privateKeyPassphrase !== undefined && { privateKeyPassword: privateKeyPassphrase }),
    perDialTimeout: DIAL_TIMEOUT_SEC,
    dialErrorLimit: 10,
  };
  return {
    host,
    port,
    user,
    ...(hostKey !== undefined && { hostKey: withoutComment(hostKey) }),
    ...credentials,
    ...(bastion && {
      proxy: {
        host: bastion.host,
        port: bastion.port ?? 22,
        user: bastion.user ?? "root",
        hostKey: withoutComment(bastion.hostKey),
        ...credentials,
      },
    }),
  };
}

/** A comment behind the key is for people: changing it must run nothing. */
const withoutComment = (hostKey: string): string => hostKey.split(" ").slice(0, 2).join(" ");
