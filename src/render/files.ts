import { createHash, scryptSync } from "node:crypto";

import type { AlertsConfig, ServiceDefinition, ServiceSecrets } from "../config/types";
import { groupOf, startedUnits } from "../model/desiredHost";
import * as paths from "../model/paths";
import type { DesiredHost, ManagedFile, RenderedFile, TemplateName } from "../model/types";
import { helperVersion, renderTemplate } from "./templates";

/** What can be known of a host before its secrets are: everything but the content of the secret files. */
export interface RenderInput {
  readonly definition: ServiceDefinition;
  readonly desired: DesiredHost;
  readonly secrets: ServiceSecrets;
  /** Makes the fingerprints of equal secrets differ between stacks. */
  readonly stack: string;
}

/** Renders every file of a host. Pure but for reading the templates. */
export function renderFiles(input: RenderInput): RenderedFile[] {
  const { environment = {}, alerts = {} } = input.secrets;
  const text = secretFile(environment);
  const key = input.definition.hasSecretEnvironment ? fingerprint(text, input) : "";
  return input.desired.files.map((file) => {
    if (file.path === paths.alertsPath(input.desired.service)) return alertsFile(file, alerts, input);
    if (file.secret) return { ...file, text, key };
    const plain = renderTemplate(file.template, contextOf(file.template, input, key));
    return { ...file, text: plain, key: sha256(plain) };
  });
}

function alertsFile(file: ManagedFile, alerts: AlertsConfig, input: RenderInput): RenderedFile {
  const { webhookUrl, email, pingUrl } = alerts;
  const text = secretFile({ WEBHOOK_URL: webhookUrl, EMAIL: email, PING_URL: pingUrl });
  return { ...file, text, key: fingerprint(text, input) };
}

const secretFile = (values: Readonly<Record<string, string | undefined>>): string =>
  renderTemplate("secret.env", { environment: assignments(values) });

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Shown in plans and kept in plain state, so it must not help to guess a short secret: slow on purpose (about 50 ms). */
const fingerprint = (text: string, { stack, desired }: RenderInput): string =>
  scryptSync(text, `pulumi-systemd-ha/${stack}/${desired.service}`, 32).toString("hex");

function contextOf(template: TemplateName, { definition, desired }: RenderInput, secretKey: string): object {
  const { service, proxy, tunnel, healthCheck } = definition;
  const unit = paths.serviceUnit(service.name);
  switch (template) {
    case "app.service":
      return appContext(definition, secretKey);
    case "health-check.service":
      return {
        unit,
        script: paths.healthCheckScript(service.directory),
        alertUnit: definition.hasAlerts ? paths.alertUnit(service.name) : "",
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
    case "alert.service":
      return { unit, name: service.name, helper: paths.helperPath(helperVersion()) };
    case "secret.env":
      throw new Error("a secret file isn't rendered from the configuration");
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

interface Assignment {
  readonly name: string;
  readonly value: string;
}

/** Sorted, so that the order in the configuration restarts nothing. */
const assignments = (environment: Readonly<Record<string, string | undefined>>): Assignment[] =>
  Object.entries(environment)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));

/** What handing over its alerts may cost a check, in seconds. */
const ALERTING_SEC = 40;

/** Whole seconds, here and there. */
const ROUNDING_SEC = 10;

/** The longest that a check with all its attempts and repairs can take, in seconds. */
function healthCheckTimeoutSec({ service, healthCheck, hasAlerts }: ServiceDefinition): number {
  const oneLayer = (healthCheck.retries + 1) * (healthCheck.timeoutSec + 1);
  // For a unit that is just starting or stopping.
  const settling = Math.max(15, service.healthyWithinSec) + 1;
  // Or to wait for what was started just now.
  const oneRepair = 2 * service.healthyWithinSec + settling + healthCheck.timeoutSec;
  // Before a proxy is blamed, its application is asked again.
  return 4 * (oneLayer + settling) + (3 + 3) * oneRepair + ROUNDING_SEC + (hasAlerts ? ALERTING_SEC : 0);
}

function healthCheckContext({ service, proxy, tunnel, healthCheck, hasAlerts }: ServiceDefinition): object {
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
    proxyDependsOn: healthCheck.proxyDependsOn,
    externalDependsOn: healthCheck.externalDependsOn,
    alertsFile: hasAlerts ? paths.alertsPath(service.name) : "",
    helper: paths.helperPath(helperVersion()),
    log: paths.healthCheckLog(service.directory),
  };
}

/** Not `localhost`: it may mean ::1 first, where nothing need listen. */
export const localUrl = ({ port, path }: { readonly port: number; readonly path: string }): string =>
  `http://127.0.0.1:${port}${path}`;
