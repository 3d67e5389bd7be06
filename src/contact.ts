import * as pulumi from "@pulumi/pulumi";

import type { DriftMode } from "./config/types";
import type { ObservedHost } from "./drift/observedHost";
import { comparePreflight } from "./drift/preflight";
import { releaseCommand } from "./outputs";
import { contactSentence, otherStackSentence, plainError, preflightSentence } from "./errors";
import { observeHost, otherStackOn, type UnitTexts } from "./inspect";
import type { DesiredHost } from "./model/types";
import type { HostConnection } from "./remote/connection";
import { updateNote } from "./remote/note";
import { ContactError } from "./remote/session";

export interface ContactArgs {
  readonly desired: DesiredHost;
  /** Of the unit files and drop-ins: what in others contradicts them is looked for on the host. */
  readonly unitTexts: UnitTexts;
  /** `project/stack`, whose the host's record must be. */
  readonly stack: string;
  readonly drift: DriftMode;
  /** What the others of an update have, for errors on this one. */
  readonly otherHosts?: string | undefined;
}

/**
 * The first contact with a host, before the command plugin's first: who it is, whether we may log in, what it lacks, and what
 * is installed. Nothing is changed; an update, not a preview, leaves a note there of who updates.
 *
 * @returns nothing where the host isn't asked: in a preview with drift `off`.
 * @throws pulumi.ResourceError with one sentence.
 */
export async function contactHost(
  component: pulumi.ComponentResource,
  connection: HostConnection,
  { desired, unitTexts, stack, drift, otherHosts }: ContactArgs,
): Promise<ObservedHost | undefined> {
  if (drift === "off" && pulumi.runtime.isDryRun()) return undefined;
  // An error on a resource which isn't registered yet sends the SDK into an endless loop that eats all memory.
  await new Promise((resolve) => component.urn.apply(resolve));
  const fail = (sentence: string) => plainError(new pulumi.ResourceError(sentence, component, true));
  if (connection.hostKey === undefined && connection.insecureIgnoreHostKey !== true) {
    throw fail("connection.hostKey is required: pin the server's key, or say insecureIgnoreHostKey: true");
  }
  try {
    // Not an input of any resource: it would plan changes with every commit.
    const note = pulumi.runtime.isDryRun() ? undefined : { ...(await updateNote()), otherHosts };
    const observed = await observeHost(connection, desired, unitTexts, note);
    const other = otherStackOn(observed, stack);
    if (other !== undefined) {
      const command = releaseCommand(connection, desired.service);
      throw fail(otherStackSentence(connection.host, desired.service, other, command));
    }
    const problems = comparePreflight(desired.requirements, observed);
    if (problems.length > 0) throw fail(preflightSentence(connection.host, problems));
    return observed;
  } catch (error) {
    if (!(error instanceof ContactError)) throw error;
    const { host, user = "root", port = 22 } = connection;
    throw fail(contactSentence(error.target ?? { host, user, port }, error.failure));
  }
}
