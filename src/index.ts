export { loadConfig } from "./config/load";
export type { AlertsConfig, Config, HostConfig, ServiceArgs } from "./config/types";
export { HighlyAvailableService, type HighlyAvailableServiceArgs } from "./highlyAvailableService";
export type { HostOutputs } from "./outputs";
export { connectionTo, type HostConnection } from "./remote/connection";
export { rollOut, type RolloutArgs, type RolloutPlace } from "./rollout";
