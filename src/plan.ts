import * as pulumi from "@pulumi/pulumi";

import type { DriftMode, ServiceArgs, ServiceDefinition } from "./config/types";
import { validateService } from "./config/validate";
import { contactHost } from "./contact";
import type { ObservedHost } from "./drift/observedHost";
import { revisionOf, transactionOf } from "./drift/revision";
import { plainError, problemsSentence } from "./errors";
import { desiredHost } from "./model/desiredHost";
import { desiredManifest } from "./model/manifest";
import type { DesiredHost } from "./model/types";
import { type HostConnection, pluginConnection } from "./remote/connection";
import { renderFiles, type RenderedFile, type SecretEnvironment } from "./render/files";
import type { StepContext } from "./resources/step";

export interface PlanArgs extends ServiceArgs {
  readonly connection: pulumi.Input<HostConnection>;
  readonly secretEnvironment?: pulumi.Input<SecretEnvironment>;
  readonly drift?: DriftMode;
}

/** Everything that is decided before the first step. */
export interface Plan extends StepContext {
  readonly desired: DesiredHost;
  readonly user: pulumi.Output<string>;
  /** Without the text of the secret ones. */
  readonly files: pulumi.Output<readonly RenderedFile[]>;
  /** All of them, as a secret. */
  readonly secretFiles: pulumi.Output<readonly RenderedFile[]>;
  readonly manifest: pulumi.Output<string>;
  readonly revision: pulumi.Output<string>;
  readonly transaction: pulumi.Output<string>;
}

/**
 * Checks the arguments, renders the files, looks at the host. Which resources there will be is plain; what may come from
 * another resource (the connection, secrets) stays an output.
 */
export function planService(component: pulumi.ComponentResource, name: string, args: PlanArgs): Plan {
  const { drift = "correct" } = args;
  const definition = definitionOf(name, args);
  const desired = desiredHost(definition);
  const connection = pulumi.secret(args.connection);
  const observed = pulumi.unsecret(
    connection.apply((known) => contactHost(component, known, desired, drift).then((seen) => seen ?? null)),
  );
  const rendered = renderedFiles(definition, desired, args.secretEnvironment ?? {});
  const manifest = rendered.files.apply((files) =>
    desiredManifest(desired, Object.fromEntries(files.map(({ path, key }) => [path, key])), stackName()),
  );
  const revision = manifest.apply(revisionOf);
  return {
    parent: component,
    component: name,
    drift,
    // After the first contact: the plugin must not try what that found to be wrong.
    connection: pulumi.all([connection, observed]).apply(([known]) => pluginConnection(known)),
    desired,
    user: pulumi.unsecret(connection.apply(({ user = "root" }) => user)),
    ...rendered,
    manifest,
    revision,
    transaction: pulumi
      .all([revision, observed])
      .apply(([wanted, seen]) => transactionIn(drift, wanted, seen)),
  };
}

const stackName = (): string => `${pulumi.getProject()}/${pulumi.getStack()}`;

function transactionIn(drift: DriftMode, revision: string, observed: ObservedHost | null): string {
  return transactionOf(revision, drift === "correct" && observed !== null ? observed : undefined);
}

function definitionOf(name: string, args: PlanArgs): ServiceDefinition {
  const validation = validateService(args);
  if (validation.kind === "invalid") {
    // Not a ResourceError: the component isn't registered yet, see contact.ts.
    throw plainError(new pulumi.RunError(`${name}: ${problemsSentence(validation.problems)}`));
  }
  return { ...validation.config, hasSecretEnvironment: args.secretEnvironment !== undefined };
}

function renderedFiles(
  definition: ServiceDefinition,
  desired: DesiredHost,
  secrets: pulumi.Input<SecretEnvironment>,
): Pick<Plan, "files" | "secretFiles"> {
  const stack = stackName();
  const secretFiles = pulumi
    .secret(secrets)
    .apply((secretEnvironment) => renderFiles({ definition, desired, secretEnvironment, stack }));
  // Plain on purpose: what is left shows nothing of the secrets, and reviewers need to see it.
  const files = pulumi.unsecret(
    secretFiles.apply((all) => all.map((file) => (file.secret ? { ...file, text: "" } : file))),
  );
  return { files, secretFiles };
}
