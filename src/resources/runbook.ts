import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { ManagedFile, ManagedUnit } from "../model/types";
import type { Plan } from "../plan";
import { helperBundle, helperVersion } from "../remote/bundle";
import * as commands from "../remote/commands";
import type { RenderedFile } from "../render/files";
import { createStep } from "./step";

/** The steps of an update, in their order; each is one resource. */

/** Alone, before the others: a connection that fails, fails once. Deleted last: it puts the host back as it was. */
export function installHelper(
  plan: Plan,
  onDestroy: "restore" | "leave",
  dependsOn: pulumi.ResourceOptions["dependsOn"] = [],
): remote.Command {
  const line = (words: string[]) => plan.user.apply((login) => commands.asRoot(login, words));
  return createStep(plan, "helper", {
    create: line(commands.installHelper(helperVersion())),
    ...(onDestroy === "restore" && { delete: line(commands.uninstall(plan.desired.service)) }),
    stdin: helperBundle(),
    dependsOn,
  });
}

/** Stores a file's content on the host, without effect. */
export function stageFile(plan: Plan, file: ManagedFile, helper: remote.Command): remote.Command {
  const { desired, files, secretFiles } = plan;
  const key = files.apply((all) => fileAt(all, file.path).key);
  return createStep(plan, `stage-${stageName(file.path)}`, {
    create: helperLine(
      plan,
      key.apply((known) => commands.stage(desired.service, file.path, known)),
    ),
    stdin: (file.secret ? secretFiles : files).apply((all) => fileAt(all, file.path).text),
    dependsOn: [helper],
  });
}

/** Puts all of them into place, and away what is no longer wanted. */
export function install(plan: Plan, staged: remote.Command[]): remote.Command {
  const { healthyWithinSec, confirmWithinSec } = plan.desired;
  return createStep(plan, "install", {
    create: transactionLine(plan, (step) => commands.install(step, healthyWithinSec + confirmWithinSec)),
    stdin: pulumi.interpolate`${revisionLine(plan)}${plan.manifest}`,
    dependsOn: staged,
  });
}

export function daemonReload(plan: Plan, installed: remote.Command): remote.Command {
  return createStep(plan, "daemon-reload", {
    create: transactionLine(plan, commands.daemonReload),
    stdin: revisionLine(plan),
    dependsOn: [installed],
  });
}

/** `enable --now`, and a restart where the process hasn't got what was installed. */
export function enableUnit(plan: Plan, unit: ManagedUnit, reloaded: remote.Command): remote.Command {
  const witness = plan.files.apply((files) => witnessOf(unit, files));
  return createStep(plan, `enable-${unit.name}`, {
    create: witness.apply((known) =>
      transactionLine(plan, (step) => commands.enable(step, unit.name, plan.desired.healthyWithinSec, known)),
    ),
    stdin: revisionLine(plan),
    dependsOn: [reloaded],
  });
}

/** `is-enabled` and `is-active`. */
export function verifyUnit(plan: Plan, unit: ManagedUnit, enabled: remote.Command): remote.Command {
  return createStep(plan, `verify-${unit.name}`, {
    create: transactionLine(plan, (step) => commands.verify(step, unit.name, plan.desired.healthyWithinSec)),
    stdin: revisionLine(plan),
    dependsOn: [enabled],
    hasPlainOutput: true,
  });
}

/** The local layers must be healthy; the external URL only warns. */
export function checkHealth(plan: Plan, verified: remote.Command[]): remote.Command {
  const { healthCheckScript, healthyWithinSec } = plan.desired;
  return createStep(plan, "health-check", {
    create: transactionLine(plan, (step) => commands.healthCheck(step, healthCheckScript, healthyWithinSec)),
    stdin: revisionLine(plan),
    dependsOn: verified,
    hasPlainOutput: true,
  });
}

/** Over a new connection: what was installed becomes what is confirmed. */
export function confirm(plan: Plan, checked: remote.Command): remote.Command {
  return createStep(plan, "confirm", {
    create: transactionLine(plan, commands.confirm),
    stdin: revisionLine(plan),
    dependsOn: [checked],
  });
}

/** Every step's stdin begins with it, so that a change of content runs all of them in every drift mode. */
const revisionLine = ({ revision }: Plan): pulumi.Output<string> =>
  pulumi.interpolate`revision ${revision}\n`;

const transactionLine = (
  plan: Plan,
  words: (step: commands.StepOptions) => string[],
): pulumi.Output<string> =>
  helperLine(
    plan,
    plan.transaction.apply((transaction) => words({ service: plan.desired.service, transaction })),
  );

const helperLine = ({ user }: Plan, words: pulumi.Output<string[]>): pulumi.Output<string> =>
  pulumi.all([user, words]).apply(([login, known]) => commands.helperLine(login, helperVersion(), known));

/** The file's name; of a drop-in its unit's name too, since every drop-in of ours is called restart.conf. */
const stageName = (path: string): string =>
  path
    .split("/")
    .slice(path.endsWith(".d/restart.conf") ? -2 : -1)
    .join("-");

function fileAt(files: readonly RenderedFile[], path: string): RenderedFile {
  const file = files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`no content was rendered for ${path}`);
  return file;
}

/** What the unit's process must have been started with; only our own service's can be told. */
function witnessOf({ role }: ManagedUnit, files: readonly RenderedFile[]): string | undefined {
  if (role !== "service") return undefined;
  const unit = files.find(({ template }) => template === "app.service");
  return /^LogExtraFields=PULUMI_SYSTEMD_HA_WITNESS=(.*)$/m.exec(unit?.text ?? "")?.[1];
}
