import { NAME, ACCOUNT, ADDRESS, HOST_KEY, port } from "./leaves";

const address = {
  type: "string",
  pattern: ADDRESS,
  maxLength: 253,
  expects: "a host name or an IP address",
  examples: ["203.0.113.10"],
  description: "Where sshd answers.",
} as const;

const sshPort = { ...port, default: 22, examples: [22], description: "sshd's port." } as const;

const hostKey = {
  type: "string",
  pattern: HOST_KEY,
  expects:
    "the server's public key as `ssh-keyscan -t ed25519 ADDRESS` prints it without the address (ed25519 or ecdsa)",
  examples: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…"],
  description: "The server's pinned public host key. A server with another key gets no byte of ours.",
} as const;

const sshUser = {
  type: "string",
  pattern: ACCOUNT,
  default: "root",
  expects: "a login name",
  examples: ["deploy"],
  description: "Login; another user than root runs everything through `sudo -n`.",
} as const;

const bastion = {
  type: "object",
  additionalProperties: false,
  required: ["address", "hostKey"],
  expects: "an object with address, port, user and hostKey",
  description: "A jump host, logged in to with the same key.",
  properties: { address, port: sshPort, user: sshUser, hostKey },
} as const;

export const hostSchema = {
  type: "object",
  additionalProperties: false,
  required: ["name", "address"],
  expects: "an object with name, address and hostKey",
  properties: {
    name: {
      type: "string",
      pattern: NAME,
      expects: "a short name of a-z, 0-9, _ and -, unique among the hosts",
      examples: ["web1"],
      description: "Names the host's resources and its stack output.",
    },
    address,
    port: sshPort,
    user: sshUser,
    hostKey: {
      ...hostKey,
      description: `${hostKey.description} Required, unless \`insecureIgnoreHostKey\` is true.`,
    },
    insecureIgnoreHostKey: {
      type: "boolean",
      default: false,
      expects: "true or false",
      examples: [false],
      description:
        "Do without `hostKey`: whoever answers at the address gets the configuration and its secrets.",
    },
    bastion,
  },
} as const;
