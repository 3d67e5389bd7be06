import { createHash, scryptSync } from "node:crypto";

import type { ServiceDefinition } from "../config/types";
import { groupOf, startedUnits } from "../model/desiredHost";
import * as paths from "../model/paths";
import type { DesiredHost, RenderedFile, TemplateName } from "../model/types";
import { helperVersion, renderTemplate } from "./templates";

export type SecretEnvironment = Readonly<Record<string, string>>;

/** What can be known of a host before its secrets are: everything but the content of the secret files. */
export interface RenderInput {
  readonly definition: ServiceDefinition;
  readonly desired: DesiredHost;
  readonly secretEnvironment: SecretEnvironment;
  /** Makes the fingerprints of equal secrets differ between stacks. */
  readonly stack: string;
}

/** Renders every file of a host. Pure but for reading the templates. */
export function renderFiles(input: RenderInput): RenderedFile[] {
  const secret = renderTemplate("secret.env", { environment: assignments(input.secretEnvironment) });
  const secretKey = input.definition.hasSecretEnvironment ? fingerprint(secret, input) : "";
  return input.desired.files.map((file) => {
    const text =
      file.template === "secret.env"
        ? secret
        : renderTemplate(file.template, contextOf(file.template, input, secretKey));
    return { ...file, text, key: file.secret ? secretKey : sha256(text) };
  });
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Shown in plans and kept in plain state, so it must not help to guess a short secret: slow on purpose (about 50 ms). */
const fingerprint = (text: string, { stack, desired }: RenderInput): string =>
  scryptSync(text, `pulumi-systemd-ha/${stack}/${desired.service}`, 32).toString("hex");

function contextOf(
  template: Exclude<TemplateName, "secret.env">,
  { definition, desired }: RenderInput,
  secretKey: string,
): object {
  const { service, proxy, tunnel, healthCheck } = definition;
  const unit = paths.serviceUnit(service.name);
  switch (template) {
    case "app.service":
      return appContext(definition, secretKey);
    case "health-check.service":
      return {
        unit,
        script: paths.healthCheckScript(service.directory),
        timeoutStartSec: healthCheckTimeoutSec(definition),
      };
    case "health-check.timer":
      return { unit, onBootSec: healthCheck.onBootSec, onUnitActiveSec: healthCheck.onUnitActiveSec };
    case "health-check.sh":
      return healthCheckContext(definition);
    case "recovery.service":
      return {
        unit,
        name: service.name,
        state: paths.stateDirectory(service.name),
        helper: paths.helperPath(helperVersion()),
        before: startedUnits(desired)
          .map(({ name }) => name)
          .join(" "),
      };
    case "proxy-restart.conf":
      return { ...proxy };
    case "tunnel-restart.conf":
      return { ...tunnel };
    case "logrotate":
      return {
        unit,
        user: service.user,
        group: groupOf(service),
        logReopenSignal: service.logReopenSignal ?? "",
        ...logPaths(service),
      };
  }
}

const logPaths = ({ directory, name }: ServiceDefinition["service"]) => ({
  log: paths.serviceLog(directory, name),
  errorLog: paths.serviceErrorLog(directory, name),
  healthCheckLog: paths.healthCheckLog(directory),
});

function appContext({ service, hasSecretEnvironment }: ServiceDefinition, secretKey: string): object {
  const started = {
    type: service.type,
    user: service.user,
    group: groupOf(service),
    directory: service.directory,
    environment: assignments(service.environment),
    environmentFile: hasSecretEnvironment ? paths.secretEnvironmentPath(service.name) : "",
    exec: service.exec,
    appendsLogs: service.logReopenSignal === undefined,
    ...logPaths(service),
  };
  return {
    ...started,
    state: paths.stateDirectory(service.name),
    description: service.description === "" ? service.name : service.description,
    restartSec: service.restartSec,
    // Only what a running process can't take over without a restart: not the description, not RestartSec=.
    witness: sha256(JSON.stringify([started, secretKey])).slice(0, 16),
  };
}

/** Sorted, so that the order in the configuration restarts nothing. */
const assignments = (environment: SecretEnvironment): { name: string; value: string }[] =>
  Object.entries(environment)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));

/** The longest that a check with all its attempts and repairs can take, in seconds. */
function healthCheckTimeoutSec({ service, healthCheck }: ServiceDefinition): number {
  const oneLayer = (healthCheck.retries + 1) * (healthCheck.timeoutSec + 1);
  const oneRepair = 2 * service.healthyWithinSec + 16 + healthCheck.timeoutSec;
  return 3 * (oneLayer + 16) + 3 * oneRepair;
}

function healthCheckContext({ service, proxy, tunnel, healthCheck }: ServiceDefinition): object {
  return {
    name: service.name,
    appUnit: paths.serviceUnit(service.name),
    appUrl: localUrl(service),
    proxyUnit: proxy?.unit ?? "",
    proxyUrl: proxy === undefined ? "" : localUrl(proxy),
    tunnelUnit: tunnel?.unit ?? "",
    externalUrl: healthCheck.externalUrl ?? "",
    expectStatus: healthCheck.expectStatus,
    expectText: healthCheck.expectText ?? "",
    timeoutSec: healthCheck.timeoutSec,
    retries: healthCheck.retries,
    healthyWithinSec: service.healthyWithinSec,
    failuresBeforeRepair: healthCheck.failuresBeforeRepair,
    maxRepairs: healthCheck.maxRepairs,
    repairWindowSec: healthCheck.repairWindowSec,
    log: paths.healthCheckLog(service.directory),
  };
}

/** Not `localhost`: it may mean ::1 first, where nothing need listen. */
export const localUrl = ({ port, path }: { readonly port: number; readonly path: string }): string =>
  `http://127.0.0.1:${port}${path}`;
