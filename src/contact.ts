import * as pulumi from "@pulumi/pulumi";

import type { DriftMode } from "./config/types";
import { type ObservedHost, parseObservedHost } from "./drift/observedHost";
import { comparePreflight } from "./drift/preflight";
import { contactSentence, plainError, preflightSentence } from "./errors";
import type { DesiredHost } from "./model/types";
import type { HostConnection } from "./remote/connection";
import { ContactError, probeHost } from "./remote/probe";

/**
 * The first contact with a host, before the command plugin's first: who it is, whether we may log in, what it lacks, and what
 * is installed. Nothing is changed.
 *
 * @returns nothing where the host isn't asked: in a preview with drift `off`.
 * @throws pulumi.ResourceError with one sentence.
 */
export async function contactHost(
  component: pulumi.ComponentResource,
  connection: HostConnection,
  desired: DesiredHost,
  drift: DriftMode,
): Promise<ObservedHost | undefined> {
  if (drift === "off" && pulumi.runtime.isDryRun()) return undefined;
  // An error on a resource which isn't registered yet sends the SDK into an endless loop that eats all memory.
  await new Promise((resolve) => component.urn.apply(resolve));
  const fail = (sentence: string) => plainError(new pulumi.ResourceError(sentence, component, true));
  if (connection.hostKey === undefined && connection.insecureIgnoreHostKey !== true) {
    throw fail("connection.hostKey is required: pin the server's key, or say insecureIgnoreHostKey: true");
  }
  try {
    const observed = parseObservedHost(await probeHost(connection, wantedFacts(desired)));
    const problems = comparePreflight(desired.requirements, observed);
    if (problems.length > 0) throw fail(preflightSentence(connection.host, problems));
    return observed;
  } catch (error) {
    if (!(error instanceof ContactError)) throw error;
    const { host, user = "root", port = 22 } = connection;
    throw fail(contactSentence(error.target ?? { host, user, port }, error.failure));
  }
}

/** What host/probe takes; its header names the arguments. */
function wantedFacts({ service, requirements }: DesiredHost): Record<string, string> {
  const { user, group, directory, executable, port, unit, hostUnits, proxy } = requirements;
  return {
    service,
    user,
    group,
    directory,
    executable,
    port: String(port),
    unit,
    host_units: hostUnits.join(" "),
    ...(proxy && { proxy_unit: proxy.unit, proxy_port: String(proxy.port) }),
  };
}
