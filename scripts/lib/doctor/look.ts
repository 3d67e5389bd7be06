import type { Config } from "../../../src/config/types";
import { isInMaintenance } from "../../../src/drift/maintenance";
import type { Inspection } from "../../../src/inspect";
import { healthCheckTimer, serviceErrorLog, serviceUnit } from "../../../src/model/paths";
import type { HostFacts } from "./facts";
import type { OutsideLook } from "./outside";

/** All that was seen of one host, as plain values. */
export interface Look {
  readonly config: Pick<Config, "service" | "proxy" | "tunnel" | "healthCheck">;
  readonly inspection: Inspection;
  readonly facts: HostFacts;
  /** The host's clock against the operator's, in seconds, and how far that may be wrong. */
  readonly clock: { readonly offsetSec: number; readonly errorSec: number };
  /** The operator's, in milliseconds since 1970. */
  readonly now: number;
  /** From the operator's machine; lacking without an external URL. */
  readonly outside?: OutsideLook;
  readonly secrets: readonly string[];
}

export const unitsOf = ({ config: { service, proxy, tunnel } }: Pick<Look, "config">) => ({
  service: serviceUnit(service.name),
  ...(proxy && { proxy: proxy.unit }),
  ...(tunnel && { tunnel: tunnel.unit }),
  timer: healthCheckTimer(service.name),
});

export const errorLogOf = ({ config: { service } }: Pick<Look, "config">): string =>
  serviceErrorLog(service.directory, service.name);

/** What the service, and who it writes for, said last. */
export const serviceWords = (look: Look): readonly string[] => [
  ...(look.facts.words[unitsOf(look).service] ?? []),
  ...(look.facts.words[errorLogOf(look)] ?? []),
];

export const isResting = ({ inspection }: Look): boolean => isInMaintenance(inspection.observed);

export const isActive = ({ inspection }: Look, unit: string): boolean =>
  ["active", "reloading"].includes(inspection.observed.units[unit]?.properties["ActiveState"] ?? "");
