import type { ServiceDefinition, ServiceSecrets } from "./config/types";
import type { Finding } from "./drift/finding";
import { findDrift, isNew } from "./drift/findings";
import { type ObservedHost, parseObservedHost } from "./drift/observedHost";
import { maintenanceNotices, willBeInMaintenance } from "./drift/maintenance";
import { comparePreflight, recommendations } from "./drift/preflight";
import { expectedRestarts } from "./drift/restarts";
import { desiredHost } from "./model/desiredHost";
import { desiredManifest, revisionOf } from "./model/manifest";
import { isUnitPath } from "./model/paths";
import type { DesiredHost, RenderedFile } from "./model/types";
import { helperListing, probeBundle } from "./remote/bundle";
import type { HostConnection } from "./remote/connection";
import type { UpdateNote } from "./remote/note";
import { probeHost } from "./remote/probe";
import { renderFiles } from "./render/files";
import { secretTexts } from "./render/secrets";
import { helperVersion } from "./render/templates";

/** What was found on a host, in words. */
export interface HostReport {
  readonly findings: readonly Finding[];
  readonly restarts: readonly string[];
  /** Whether the service is kept stopped after an update; unknown where the host wasn't asked. */
  readonly maintenance?: boolean;
  /** What is to be said of it, and of the host, though nothing is wrong. */
  readonly hostNotices: readonly string[];
  /** There is nothing of the service yet, or nothing any more. */
  readonly isNew: boolean;
  /** Of what is installed. */
  readonly confirmedRevision?: string;
}

export interface Inspection extends HostReport {
  readonly desired: DesiredHost;
  readonly observed: ObservedHost;
  /** What the host lacks of what the service needs. */
  readonly problems: readonly string[];
  /** Whose record is there, if it isn't this stack's. */
  readonly otherStack?: string;
}

/** The unit files and drop-ins, as far as they are known without the secrets. */
export type UnitTexts = readonly Pick<RenderedFile, "path" | "text">[];

export const unitTextsOf = (definition: ServiceDefinition, desired: DesiredHost, stack: string): UnitTexts =>
  renderFiles({ definition, desired, stack, secrets: {} }).filter(({ path }) => isUnitPath(path));

/**
 * Looks at a host over one connection, and changes nothing there.
 *
 * @param note of an update, which leaves it on the host; see updateNote
 * @throws ContactError
 */
export const observeHost = async (
  connection: HostConnection,
  desired: DesiredHost,
  unitTexts: UnitTexts,
  note?: UpdateNote,
): Promise<ObservedHost> =>
  parseObservedHost(await probeHost(connection, wantedFacts(desired, note), probeBundle(desired, unitTexts)));

/** What host/probe takes; its header names the arguments. */
function wantedFacts({ service, requirements }: DesiredHost, note?: UpdateNote): Record<string, string> {
  const { user, group, directory, executable, port, unit, hostUnits, proxy } = requirements;
  return {
    service,
    version: helperVersion(),
    user,
    group,
    directory,
    executable,
    port: String(port),
    unit,
    host_units: hostUnits.join(" "),
    ...(proxy && { proxy_unit: proxy.unit, proxy_port: String(proxy.port) }),
    ...(note && {
      note_user: note.user,
      note_commit: note.commit,
      ...(note.otherHosts !== undefined && { note_others: note.otherHosts }),
    }),
  };
}

/** Whose record is on the host, if it's another stack's and nobody released it. Pure. */
export function otherStackOn(
  { manifest, openTransaction, isReleased }: ObservedHost,
  stack: string,
): string | undefined {
  if (isReleased) return undefined;
  return [manifest === "corrupt" ? undefined : manifest, openTransaction?.manifest]
    .map((known) => known?.stack)
    .find((known) => known !== undefined && known !== stack);
}

/** The revision of what is desired with these files, for a stack (`project/stack`). Pure. */
export const desiredRevision = (
  desired: DesiredHost,
  files: readonly RenderedFile[],
  stack: string,
): string =>
  revisionOf(desiredManifest(desired, Object.fromEntries(files.map(({ path, key }) => [path, key])), stack));

/** Compares what was seen with what is to be. Pure but for the helper's own files, which are read. */
export function reportOf(
  desired: DesiredHost,
  files: readonly RenderedFile[],
  observed: ObservedHost,
  secrets: ServiceSecrets,
  stack: string,
): HostReport {
  const revision = desiredRevision(desired, files, stack);
  const comparison = {
    desired,
    secrets: secretTexts(secrets),
    revision,
    files,
    observed,
    helperListing: helperListing(),
  };
  const findings = findDrift(comparison);
  const confirmed = observed.manifest === "corrupt" ? undefined : observed.manifest?.confirmed;
  return {
    findings,
    restarts: expectedRestarts(comparison, findings),
    maintenance: willBeInMaintenance(desired, observed),
    hostNotices: [...maintenanceNotices(desired, observed), ...recommendations(observed)],
    isNew: isNew(comparison),
    ...(confirmed && { confirmedRevision: confirmed.revision }),
  };
}

/**
 * The whole look at one host, for those who aren't a Pulumi program.
 *
 * @param stack `project/stack`
 * @throws ContactError
 */
export async function inspectHost(
  connection: HostConnection,
  definition: ServiceDefinition,
  secrets: ServiceSecrets,
  stack: string,
): Promise<Inspection> {
  const desired = desiredHost(definition);
  const files = renderFiles({ definition, desired, secrets, stack });
  const observed = await observeHost(connection, desired, unitTextsOf(definition, desired, stack));
  const otherStack = otherStackOn(observed, stack);
  return {
    ...{ desired, observed },
    ...reportOf(desired, files, observed, secrets, stack),
    problems: comparePreflight(desired.requirements, observed),
    ...(otherStack !== undefined && { otherStack }),
  };
}
