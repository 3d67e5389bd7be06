import { remote, type types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { DriftMode } from "../config/types";

/** What every step of one component has in common. */
export interface StepContext {
  readonly parent: pulumi.ComponentResource;
  /** The component's name, with which every step's begins. */
  readonly component: string;
  readonly connection: pulumi.Output<types.input.remote.ConnectionArgs>;
  readonly drift: DriftMode;
}

export interface StepArgs {
  readonly create: pulumi.Input<string>;
  readonly stdin: pulumi.Input<string>;
  readonly delete?: pulumi.Input<string>;
  readonly dependsOn: NonNullable<pulumi.ResourceOptions["dependsOn"]>;
  /** Its stdout is made of our own words only, and is wanted as a stack output. @default false */
  readonly hasPlainOutput?: boolean;
}

/**
 * One step on the host as one resource.
 *
 * - No `triggers`: they replace, and a replacement deletes what was just made.
 * - `logging: none`: with anything else a line of 64 KiB hangs the plugin; errors carry the output anyway.
 * - `addPreviousOutputInEnv: false`: sshd refuses the variables, which would warn at every update.
 */
export function createStep(context: StepContext, name: string, args: StepArgs): remote.Command {
  const { hasPlainOutput = false, dependsOn, ...inputs } = args;
  return new remote.Command(
    `${context.component}-${name}`,
    {
      ...inputs,
      connection: context.connection,
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    {
      parent: context.parent,
      dependsOn,
      hideDiffs: ["connection"],
      additionalSecretOutputs: hasPlainOutput ? [] : ["stdout", "stderr"],
      // Without a look at the host there is no update's id to trust: the commands stay as they are, and only content (stdin)
      // that changed runs them.
      ignoreChanges: context.drift === "correct" ? [] : ["create"],
    },
  );
}
