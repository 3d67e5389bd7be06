import * as pulumi from "@pulumi/pulumi";

import type {
  AlertsConfig,
  Config,
  DriftMode,
  SecretEnvironment,
  ServiceArgs,
  ServiceDefinition,
  ServiceSecrets,
} from "./config/types";
import { validateSecrets, validateService, type Validation } from "./config/validate";
import { contactHost } from "./contact";
import { type StepRevisions, stepRevisionsOf, transactionOf } from "./drift/revision";
import { plainError, problemsSentence } from "./errors";
import { type HostReport, reportOf, unitTextsOf } from "./inspect";
import { desiredHost } from "./model/desiredHost";
import { desiredManifest, revisionOf } from "./model/manifest";
import type { DesiredHost, RenderedFile } from "./model/types";
import { type ConnectionInput, pluginConnection } from "./remote/connection";
import { renderFiles } from "./render/files";
import { presenceOf } from "./render/secrets";
import type { StepContext } from "./resources/step";

export interface PlanArgs extends ServiceArgs {
  readonly connection: ConnectionInput;
  readonly secretEnvironment?: pulumi.Input<SecretEnvironment> | undefined;
  readonly alerts?: pulumi.Input<AlertsConfig> | undefined;
  readonly drift?: DriftMode | undefined;
  readonly otherHosts?: string | undefined;
}

/** Everything that is decided before the first step. */
export interface Plan extends StepContext {
  readonly desired: DesiredHost;
  /** Without the text of the secret ones. */
  readonly files: pulumi.Output<readonly RenderedFile[]>;
  /** All of them, as a secret. */
  readonly secretFiles: pulumi.Output<readonly RenderedFile[]>;
  readonly manifest: pulumi.Output<string>;
  readonly revision: pulumi.Output<string>;
  readonly transaction: pulumi.Output<string>;
  readonly revisions: pulumi.Output<StepRevisions>;
  readonly report: pulumi.Output<HostReport>;
  readonly otherHosts: string | undefined;
}

/**
 * Checks the arguments, renders the files, looks at the host. Which resources there will be is plain; what may come from
 * another resource (the connection, secrets) stays an output.
 */
export function planService(component: pulumi.ComponentResource, name: string, args: PlanArgs): Plan {
  const { drift = "correct", otherHosts } = args;
  const definition = definitionOf(name, args);
  const desired = desiredHost(definition);
  const stack = stackName();
  const connection = pulumi.secret(args.connection);
  const secrets = secretsOf(name, args, definition);
  const rendered = renderedFiles(definition, desired, secrets);
  const unitTexts = unitTextsOf(definition, desired, stack);
  const observed = pulumi.unsecret(
    connection.apply((known) =>
      contactHost(component, known, { desired, unitTexts, stack, drift, otherHosts }).then(
        (seen) => seen ?? null,
      ),
    ),
  );
  const report = pulumi.unsecret(
    pulumi
      .all([observed, rendered.secretFiles, secrets])
      .apply(([seen, files, known]) =>
        seen === null ? NOT_SEEN : reportOf(desired, files, seen, known, stack),
      ),
  );
  const manifest = rendered.files.apply((files) =>
    desiredManifest(desired, Object.fromEntries(files.map(({ path, key }) => [path, key])), stack),
  );
  const revision = manifest.apply(revisionOf);
  // Without the will to mend, what is on the host decides nothing.
  const decisive = drift === "correct" ? observed : pulumi.output(null);
  return {
    parent: component,
    component: name,
    drift,
    // After the first contact: the plugin must not try what that found to be wrong.
    connection: pulumi.all([connection, observed]).apply(([known]) => pluginConnection(known)),
    desired,
    ...rendered,
    manifest,
    revision,
    transaction: pulumi
      .all([revision, decisive, report])
      .apply(([wanted, seen, { findings }]) => transactionOf(wanted, seen ?? undefined, findings)),
    revisions: pulumi
      .all([rendered.files, decisive, report])
      .apply(([files, seen, { findings }]) => stepRevisionsOf(files, seen ?? undefined, findings)),
    report,
    otherHosts,
  };
}

const NOT_SEEN: HostReport = { findings: [], restarts: [], hostNotices: [], isNew: false };

const stackName = (): string => `${pulumi.getProject()}/${pulumi.getStack()}`;

function definitionOf(name: string, args: PlanArgs): ServiceDefinition {
  return {
    ...valid(name, validateService(args)),
    ...presenceOf({ environment: args.secretEnvironment, alerts: args.alerts }),
  };
}

function valid(name: string, validation: Validation): Config {
  if (validation.kind === "valid") return validation.config;
  // Not a ResourceError: the component isn't registered yet, see contact.ts.
  throw plainError(new pulumi.RunError(`${name}: ${problemsSentence(validation.problems)}`));
}

function secretsOf(
  name: string,
  { secretEnvironment, alerts: to }: PlanArgs,
  definition: ServiceDefinition,
): pulumi.Output<ServiceSecrets> {
  const given = pulumi.output({
    environment: secretEnvironment,
    alerts: to,
  }) as pulumi.Output<ServiceSecrets>;
  return pulumi.secret(
    given.apply(({ environment, alerts }) => {
      const secrets = { environment, alerts: withoutGaps(alerts) };
      valid(name, validateSecrets(definition, secrets));
      return secrets;
    }),
  );
}

/** A key that is there and undefined is none. What is no object stays so, for the schema to refuse. */
const withoutGaps = (alerts: AlertsConfig | undefined): AlertsConfig | undefined =>
  alerts && (JSON.parse(JSON.stringify(alerts)) as AlertsConfig);

function renderedFiles(
  definition: ServiceDefinition,
  desired: DesiredHost,
  secrets: pulumi.Output<ServiceSecrets>,
): Pick<Plan, "files" | "secretFiles"> {
  const stack = stackName();
  const secretFiles = secrets.apply((known) => renderFiles({ definition, desired, secrets: known, stack }));
  // Plain on purpose: what is left shows nothing of the secrets, and reviewers need to see it.
  const files = pulumi.unsecret(
    secretFiles.apply((all) => all.map((file) => (file.secret ? { ...file, text: "" } : file))),
  );
  return { files, secretFiles };
}
