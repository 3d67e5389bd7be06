import type { FromSchema } from "json-schema-to-ts";

import type { alertsSchema } from "./alertsSchema";
import type { healthCheckSchema } from "./healthCheckSchema";
import type { proxySchema, tunnelSchema } from "./proxySchema";
import type { configSchema } from "./schema";
import type { serviceSchema } from "./serviceSchema";

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** A checked configuration: every default is filled in. */
export type Config = DeepReadonly<FromSchema<typeof configSchema>>;
export type HostConfig = Config["hosts"][number];
export type ServiceConfig = DeepReadonly<FromSchema<typeof serviceSchema>>;
export type ProxyConfig = DeepReadonly<FromSchema<typeof proxySchema>>;
export type TunnelConfig = DeepReadonly<FromSchema<typeof tunnelSchema>>;
export type HealthCheckConfig = DeepReadonly<FromSchema<typeof healthCheckSchema>>;
export type AlertsConfig = DeepReadonly<FromSchema<typeof alertsSchema>>;
export type SecretEnvironment = Readonly<Record<string, string>>;
export type DriftMode = Config["drift"];

/** One thing that is wrong with the configuration: the key below the project's name, and a sentence. */
export interface Problem {
  readonly key: string;
  readonly message: string;
}

/** What is managed for one service, apart from secrets and from how the host is reached. */
export interface ServiceDefinition {
  readonly service: ServiceConfig;
  readonly proxy?: ProxyConfig | undefined;
  readonly tunnel?: TunnelConfig | undefined;
  readonly healthCheck: HealthCheckConfig;
  readonly historyKeep: number;
  /** Whether there is a secret environment; its content comes later, encrypted. */
  readonly hasSecretEnvironment: boolean;
  /** The same of alerts. */
  readonly hasAlerts: boolean;
  /** The service is kept stopped on purpose. */
  readonly maintenance: boolean;
}

/** What of a service only its host may know. */
export interface ServiceSecrets {
  readonly environment?: SecretEnvironment | undefined;
  readonly alerts?: AlertsConfig | undefined;
}

type Given<Schema extends object> = DeepReadonly<
  FromSchema<Schema & { readonly type: "object" }, { keepDefaultedPropertiesOptional: true }>
>;

/** What a caller of the library gives for a service: as in the configuration, defaults may be left out. */
export interface ServiceArgs {
  readonly service: Given<typeof serviceSchema>;
  /** @default no reverse proxy */
  readonly proxy?: Given<typeof proxySchema> | undefined;
  /** @default no tunnel */
  readonly tunnel?: Given<typeof tunnelSchema> | undefined;
  /** @default the seed's: 2 min after boot, then every 5 min */
  readonly healthCheck?: Given<typeof healthCheckSchema> | undefined;
  /** Keeps the service stopped on purpose, over reboots too (seed section 9). @default false */
  readonly maintenance?: boolean | undefined;
  /** Former configurations that stay on the host beside the present one. @default 5 */
  readonly historyKeep?: number | undefined;
}
