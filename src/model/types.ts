/** What one service needs on one host, as plain data: the desired side of every comparison. */
export interface DesiredHost {
  /** The service's name, which names its state directory on the host. */
  readonly service: string;
  readonly previousName?: string;
  readonly directories: readonly ManagedDirectory[];
  readonly logs: readonly ManagedLog[];
  readonly files: readonly ManagedFile[];
  readonly units: readonly ManagedUnit[];
  readonly requirements: Requirements;
  readonly healthCheckScript: string;
  readonly healthyWithinSec: number;
  readonly confirmWithinSec: number;
  /** The configuration keeps the service stopped. */
  readonly maintenance: boolean;
  readonly historyKeep: number;
  /** In seconds; nothing where nobody is told. */
  readonly alertAgainAfterSec?: number;
}

interface Owned {
  readonly path: string;
  /** Four octal digits, such as `"0644"`. */
  readonly mode: string;
  /** `user:group`. */
  readonly owner: string;
}

export type ManagedDirectory = Owned;

/** Made when missing; its content belongs to who writes it. */
export type ManagedLog = Owned;

export interface ManagedFile extends Owned {
  readonly template: TemplateName;
  /** Its content shows in no plan, output or plain state. */
  readonly secret: boolean;
}

/** A managed file with its text. */
export interface RenderedFile extends ManagedFile {
  readonly text: string;
  /** Names the content on the host: the SHA-256 of the text, or for a secret file a fingerprint. */
  readonly key: string;
}

export type TemplateName =
  | "app.service"
  | "health-check.service"
  | "health-check.timer"
  | "health-check.sh"
  | "recovery.service"
  | "alert.service"
  | "proxy-restart.conf"
  | "tunnel-restart.conf"
  | "logrotate"
  | "secret.env";

/** `recovery` isn't started by an update: it's enabled, and does something only at a boot in the middle of one. */
export type UnitRole = "service" | "proxy" | "tunnel" | "timer" | "recovery";

export interface ManagedUnit {
  readonly name: string;
  readonly role: UnitRole;
  /** `host`: it was there before us, and stays after us as it was. */
  readonly origin: "ours" | "host";
}

/** What the host must bring along; see `preflight.ts`. */
export interface Requirements {
  readonly user: string;
  readonly group: string;
  readonly directory: string;
  readonly executable: string;
  readonly port: number;
  readonly unit: string;
  /** The service's unit under its former name, which may hold the port until this one takes its place. */
  readonly previousUnit?: string;
  /** Not in maintenance. */
  readonly isToRun: boolean;
  readonly hostUnits: readonly string[];
  readonly proxy?: { readonly unit: string; readonly port: number };
}
