import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { AlertsConfig, DriftMode, SecretEnvironment, ServiceArgs } from "./config/types";
import {
  commandOutputs,
  fileOutputs,
  type HostOutputs,
  parseHealthCheckOutput,
  parseMaintenance,
  parseUnitOutput,
  type UnitOutput,
} from "./outputs";
import { startedUnits } from "./model/desiredHost";
import { helperPath } from "./model/paths";
import { announce } from "./announce";
import { type Plan, planService } from "./plan";
import type { ConnectionInput } from "./remote/connection";
import {
  checkHealth,
  confirm,
  daemonReload,
  enableUnit,
  install,
  installHelper,
  stageFile,
  verifyUnit,
} from "./resources/runbook";
import { helperVersion } from "./render/templates";

export interface HighlyAvailableServiceArgs extends ServiceArgs {
  /** How the host is reached. May come from a resource that makes the host in the same update. */
  readonly connection: ConnectionInput;
  /** Secret environment of the service: a root-only file on the host. @default none */
  readonly secretEnvironment?: pulumi.Input<SecretEnvironment> | undefined;
  /** Who is told of failures and repairs, see docs/alerts.md. @default nobody */
  readonly alerts?: pulumi.Input<AlertsConfig> | undefined;
  /** `off`: a preview connects to no host. @default "correct" */
  readonly drift?: DriftMode | undefined;
  /** `leave`: destroying the component changes nothing on the host. @default "restore" */
  readonly onDestroy?: "restore" | "leave" | undefined;
  /** In an update of several hosts: what the others have if this one fails, for its errors; see `rollOut`. @default nothing */
  readonly otherHosts?: string | undefined;
}

/** Each known as soon as it is: a first preview shows all but what only the host can tell. */
export type HostOutputsOf = { readonly [Name in keyof HostOutputs]: pulumi.Output<HostOutputs[Name]> };

/**
 * Keeps one service, usually behind a reverse proxy, up on one Linux host: systemd restart policies, a health check that
 * repairs, boot persistence.
 *
 * Its children are the runbook, a step each: the host-side helper; every file staged; all of them installed; daemon-reload;
 * each unit enabled and started; each verified; one health check; the confirmation.
 *
 * @throws pulumi.RunError if the arguments are wrong; pulumi.ResourceError if the host can't be reached, or lacks something.
 */
export class HighlyAvailableService extends pulumi.ComponentResource {
  /** What CI and operators want to know of the host. */
  public readonly host: HostOutputsOf;

  constructor(name: string, args: HighlyAvailableServiceArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("pulumi-systemd-ha:index:HighlyAvailableService", name, {}, opts);
    const plan = planService(this, name, args);
    const { files } = plan.desired;
    const units = startedUnits(plan.desired);

    const helper = installHelper(plan, args.onDestroy ?? "restore", opts.dependsOn);
    const staged = files.map((file) => stageFile(plan, file, helper));
    const installed = install(plan, staged);
    const reloaded = daemonReload(plan, installed);
    const enabled = units.map((unit) => enableUnit(plan, unit, reloaded));
    const verified = units.map((unit, index) => verifyUnit(plan, unit, enabled[index] ?? reloaded));
    const checked = checkHealth(plan, verified);
    const confirmed = confirm(plan, checked);

    announce(plan, args.connection, { helper, staged, installed, enabled, checked });
    this.host = hostOutputs(plan, args.connection, { verified, checked, confirmed });
    this.registerOutputs({ host: this.host });
  }
}

function hostOutputs(
  { desired, files, revision, report }: Plan,
  connection: ConnectionInput,
  steps: { verified: remote.Command[]; checked: remote.Command; confirmed: remote.Command },
): HostOutputsOf {
  const { service, requirements, healthCheckScript: script } = desired;
  // Of the connection, only what stands in an address book.
  const address = pulumi.unsecret(
    pulumi.secret(connection).apply((known) => ({
      address: known.host,
      commands: commandOutputs(known, {
        ...{ service, directory: requirements.directory, script },
        helper: helperPath(helperVersion()),
      }),
    })),
  );
  const units = pulumi
    .all(steps.verified.map(({ stdout }) => stdout))
    .apply((all) =>
      Object.fromEntries(
        startedUnits(desired).map(({ name }, index): [string, UnitOutput] => [
          name,
          parseUnitOutput(all[index] ?? ""),
        ]),
      ),
    );
  return {
    address: address.apply(({ address: known }) => known),
    // What is confirmed, and nothing before that.
    revision: pulumi.all([revision, steps.confirmed.id]).apply(([known]) => known),
    units,
    healthCheck: steps.checked.stdout.apply(parseHealthCheckOutput),
    files: files.apply(fileOutputs),
    drift: report.apply(({ findings }) => findings.map(({ sentence }) => sentence)),
    // Where the host wasn't asked, an operator's is as the last update saw it.
    maintenance: report.apply(({ maintenance = desired.maintenance || undefined }) =>
      maintenance === undefined ? steps.checked.stdout.apply(parseMaintenance) : pulumi.output(maintenance),
    ),
    commands: address.apply(({ commands }) => commands),
  };
}
