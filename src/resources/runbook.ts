import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { ManagedFile, ManagedUnit } from "../model/types";
import type { Plan } from "../plan";
import { helperBundle } from "../remote/bundle";
import * as commands from "../remote/commands";
import type { RenderedFile } from "../model/types";
import { helperVersion } from "../render/templates";
import { createStep } from "./step";

/** The steps of an update, in their order; each is one resource. */

/** Alone, before the others: a connection that fails, fails once. Deleted last: it puts the host back as it was. */
export function installHelper(
  plan: Plan,
  onDestroy: "restore" | "leave",
  dependsOn: pulumi.ResourceOptions["dependsOn"] = [],
): remote.Command {
  const { service } = plan.desired;
  return createStep(plan, "helper", {
    create: plan.revisions.apply(({ helper }) =>
      commands.commandLine(commands.installHelper(helperVersion(), service, helper)),
    ),
    ...(onDestroy === "restore" && { delete: commands.commandLine(commands.uninstall(service)) }),
    stdin: helperBundle(),
    dependsOn,
  });
}

/** Stores a file's content on the host, without effect. */
export function stageFile(plan: Plan, file: ManagedFile, helper: remote.Command): remote.Command {
  const { desired, files, secretFiles, revisions } = plan;
  const { path, secret } = file;
  return createStep(plan, `stage-${stageName(path)}`, {
    create: revisions.apply(({ files: known }) =>
      helperLine(
        commands.stage({
          service: desired.service,
          path,
          revision: valueAt(known, path),
          keyed: secret,
        }),
      ),
    ),
    stdin: secret
      ? secretFiles.apply((all) => `key ${fileAt(all, path).key}\n${fileAt(all, path).text}`)
      : files.apply((all) => fileAt(all, path).text),
    dependsOn: [helper],
  });
}

/** Puts all of them into place, and away what is no longer wanted. */
export const install = (plan: Plan, staged: remote.Command[]): remote.Command =>
  createStep(plan, "install", {
    create: stepLine(plan, "install"),
    stdin: pulumi.interpolate`${revisionLine(plan)}${plan.manifest}`,
    dependsOn: staged,
  });

export const daemonReload = (plan: Plan, installed: remote.Command): remote.Command =>
  createStep(plan, "daemon-reload", {
    create: stepLine(plan, "daemon-reload"),
    stdin: revisionLine(plan),
    dependsOn: [installed],
  });

/** `enable --now`, and a restart where the process hasn't got what was installed. */
export const enableUnit = (plan: Plan, unit: ManagedUnit, reloaded: remote.Command): remote.Command =>
  createStep(plan, `enable-${unit.name}`, {
    create: stepLine(plan, "enable", unit.name),
    stdin: revisionLine(plan),
    dependsOn: [reloaded],
  });

/** `is-enabled` and `is-active`. */
export const verifyUnit = (plan: Plan, unit: ManagedUnit, enabled: remote.Command): remote.Command =>
  createStep(plan, `verify-${unit.name}`, {
    create: stepLine(plan, "verify", unit.name),
    stdin: revisionLine(plan),
    dependsOn: [enabled],
    hasPlainOutput: true,
  });

/** The local layers must be healthy; the external URL only warns. */
export const checkHealth = (plan: Plan, verified: remote.Command[]): remote.Command =>
  createStep(plan, "health-check", {
    create: stepLine(plan, "health-check"),
    stdin: revisionLine(plan),
    dependsOn: verified,
    hasPlainOutput: true,
  });

/** Over a new connection: what was installed becomes what is confirmed. */
export const confirm = (plan: Plan, checked: remote.Command): remote.Command =>
  createStep(plan, "confirm", {
    create: stepLine(plan, "confirm"),
    stdin: revisionLine(plan),
    dependsOn: [checked],
  });

/** Every step's stdin begins with it, so that a change of content runs all of them in every drift mode. */
const revisionLine = ({ revision }: Plan): pulumi.Output<string> =>
  pulumi.interpolate`revision ${revision}\n`;

const stepLine = (
  { transaction, desired }: Plan,
  verb: commands.StepVerb,
  unit?: string,
): pulumi.Output<string> =>
  transaction.apply((id) =>
    helperLine(commands.step(verb, { service: desired.service, transaction: id }, unit)),
  );

const helperLine = (words: string[]): string => commands.helperLine(helperVersion(), words);

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

function valueAt(revisions: Readonly<Record<string, string>>, path: string): string {
  const revision = revisions[path];
  if (revision === undefined) throw new Error(`no revision was made for ${path}`);
  return revision;
}
