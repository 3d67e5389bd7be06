import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { Finding, FindingStep } from "./drift/finding";
import type { HostReport } from "./inspect";
import { startedUnits } from "./model/desiredHost";
import { parseHealthCheckOutput } from "./outputs";
import type { Plan } from "./plan";
import type { ConnectionInput } from "./remote/connection";

/** The steps' resources, which show what concerns them. */
export interface AnnouncedSteps {
  readonly helper: pulumi.Resource;
  /** In the order of the desired files. */
  readonly staged: readonly pulumi.Resource[];
  readonly installed: pulumi.Resource;
  /** In the order of the units that are started. */
  readonly enabled: readonly pulumi.Resource[];
  readonly checked: remote.Command;
}

/** Says what was found on the host before anything is changed there: as diagnostics of a preview and of an update. */
export function announce(plan: Plan, connection: ConnectionInput, steps: AnnouncedSteps): void {
  const { parent, desired, drift } = plan;
  if (pulumi.runtime.isDryRun() && drift !== "off") {
    void isUnknown(connection).then(async (unknown) => {
      if (!unknown) return;
      await pulumi.log.warn(
        `${desired.service} was not checked for drift: how its host is reached is known only during the update`,
        parent,
      );
    });
  }
  const target = (step: FindingStep): pulumi.Resource => {
    switch (step.kind) {
      case "helper":
        return steps.helper;
      case "stage":
        return steps.staged[desired.files.findIndex(({ path }) => path === step.path)] ?? steps.installed;
      case "enable":
        return (
          steps.enabled[startedUnits(desired).findIndex(({ name }) => name === step.unit)] ?? steps.installed
        );
      case "install":
        return steps.installed;
    }
  };
  if (!pulumi.runtime.isDryRun()) warnOfExternal(steps.checked);
  pulumi.all([plan.report, plan.revision]).apply(([report, revision]) => {
    // Not waited for: a resource of these waits for the report itself.
    for (const finding of report.findings)
      void pulumi.log.warn(findingText(finding, drift), target(finding.step));
    for (const sentence of notices(report, plan, revision)) void pulumi.log.info(sentence, parent);
  });
}

/** It fails no update: what is in front of the host may be down for reasons of its own. */
function warnOfExternal(checked: remote.Command): void {
  checked.stdout.apply((stdout) => {
    const { external, time } = parseHealthCheckOutput(stdout);
    if (["ok", "not configured", "not checked", "unknown"].includes(external)) return;
    void pulumi.log.warn(`the external URL failed in the health check of ${time}: ${external}`, checked);
  });
}

async function isUnknown(connection: ConnectionInput): Promise<boolean> {
  const { isKnown } = pulumi.output(connection) as unknown as { isKnown: Promise<boolean> };
  return !(await isKnown);
}

const findingText = (
  { sentence, diff, isMendable = true, mending = "mends it" }: Finding,
  drift: Plan["drift"],
): string =>
  `drift: ${sentence}${drift === "correct" && isMendable ? `; the update ${mending}` : ""}${diff === undefined ? "" : `\n${diff}`}`;

function notices(
  { restarts, hostNotices, isNew, confirmedRevision }: HostReport,
  { desired, drift, otherHosts }: Plan,
  revision: string,
): readonly string[] {
  // For errors that the host can't say: a connection that is lost.
  const others =
    otherHosts === undefined || (!isNew && confirmedRevision === revision)
      ? []
      : [`should the update fail here, ${otherHosts}`];
  if (isNew) {
    const { service, previousName } = desired;
    return [
      `nothing of ${service} is installed on the host: all of it will be`,
      ...(previousName === undefined
        ? []
        : [
            `where ${previousName} is installed, ${service} takes its place: ${previousName}.service is stopped`,
          ]),
      ...hostNotices,
      ...others,
    ];
  }
  // Drift alone restarts nothing where it isn't mended.
  return [
    ...hostNotices,
    ...(drift === "correct" || confirmedRevision !== revision ? restarts : []),
    ...others,
  ];
}
