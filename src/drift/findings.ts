import type { Manifest, ManifestThing } from "../model/manifest";
import type { ObservedHost, ObservedThing } from "./observedHost";
import type { Comparison, Finding, FindingStep } from "./finding";
import { maintenanceFindings } from "./maintenance";
import { isClosed } from "./revision";
import { printable, textDiff } from "./textDiff";
import { unitFindings } from "./unitFindings";

/**
 * Compares a host with what was confirmed on it; without a record, with what is configured. Pure.
 *
 * What the configuration changed since isn't drift: it shows in the plan by itself.
 */
export function findDrift(comparison: Comparison): Finding[] {
  const { observed } = comparison;
  const manifest = observed.manifest === "corrupt" ? undefined : observed.manifest;
  return [
    ...recordFindings(comparison),
    ...helperFindings(comparison, manifest),
    ...(manifest === undefined ? adoptedFiles(comparison) : managedThings(comparison, manifest)),
    ...maintenanceFindings(observed),
    ...unitFindings(comparison, manifest),
  ];
}

/** Whether anything of the service is there: a host that has nothing hasn't drifted, it's new. */
export const isNew = ({ observed, files }: Comparison): boolean =>
  observed.manifest === undefined &&
  observed.openTransaction === undefined &&
  files.every(({ path }) => thingAt(observed, path)?.type === "");

function recordFindings(comparison: Comparison): Finding[] {
  const { observed, desired, revision } = comparison;
  const record = `/var/lib/pulumi-systemd-ha/${desired.service}/manifest`;
  const finding = (sentence: string): Finding => ({ step: { kind: "install" }, sentence });
  const { openTransaction } = observed;
  const confirmed = observed.manifest === "corrupt" ? undefined : observed.manifest?.confirmed;
  return [
    ...(observed.manifest === "corrupt" ? [finding(`${record} was altered or is damaged`)] : []),
    ...(observed.manifest === undefined && openTransaction === undefined && hasOurs(comparison)
      ? [finding(`${record}, the record of what is installed, was removed`)]
      : []),
    ...(openTransaction !== undefined && !isClosed(observed)
      ? [finding(`an update to revision ${openTransaction.revision} was begun and not finished`)]
      : []),
    // The configured one may be brought back too: then it's the host that is ahead of the state.
    ...(confirmed?.returnedAt !== undefined && confirmed.revision !== revision
      ? [
          {
            ...finding(
              `revision ${confirmed.revision} was brought back on the host at ${printable(confirmed.returnedAt)} (scripts/rollback)`,
            ),
            mending: `installs the configured revision ${revision} again`,
          },
        ]
      : []),
  ];
}

/** A file with exactly our text was written by us; what we keep beside the manifest tells it too, once there are files. */
const hasOurs = (comparison: Comparison): boolean =>
  !isNew(comparison) &&
  (Object.keys(comparison.observed.revisions).length > 0 ||
    comparison.files.some(
      ({ path, key, secret }) => !secret && thingAt(comparison.observed, path)?.hash === key,
    ));

function helperFindings({ observed, helperListing }: Comparison, manifest: Manifest | undefined): Finding[] {
  if (manifest === undefined || observed.helper.listing === helperListing) return [];
  return [
    {
      step: { kind: "helper" },
      sentence: "the host-side helper was removed, altered or is of another release",
    },
  ];
}

const thingAt = (observed: ObservedHost, path: string): ObservedThing | undefined =>
  observed.things.find((thing) => thing.path === path);

/** What somebody set up by hand, or what is left where the record was lost. */
function adoptedFiles(comparison: Comparison): Finding[] {
  const isLost = hasOurs(comparison);
  return comparison.files.flatMap((file): Finding[] => {
    const thing = thingAt(comparison.observed, file.path);
    if (thing === undefined) return [];
    if (thing.type === "") {
      // By hand nobody brings all of them.
      return isLost
        ? [{ step: { kind: "stage", path: file.path }, sentence: `${file.path} was removed` }]
        : [];
    }
    // A secret's hash isn't asked for.
    const isAlike = file.secret || thing.hash === file.key;
    const expected = { ...file, kind: "file" as const, hash: file.secret ? "-" : file.key };
    return thingFindings(comparison, expected, thing, isAlike, "is there already and");
  });
}

function managedThings(comparison: Comparison, manifest: Manifest): Finding[] {
  const { observed } = comparison;
  const open = observed.openTransaction?.manifest?.things ?? [];
  return manifest.things.flatMap((expected) => {
    const thing = thingAt(observed, expected.path);
    if (thing === undefined) return [];
    // Of an update which broke off, each file may be the old one or the new.
    const candidates = [expected, ...open.filter(({ path }) => path === expected.path)];
    const isAlike = candidates.some(({ key, hash }) =>
      // Without its copy a secret can't be compared; that the copy is gone is said by itself.
      hash === "-"
        ? thing.key === key || !(key in observed.staged)
        : thing.key === key || thing.hash === hash,
    );
    return [...thingFindings(comparison, expected, thing, isAlike), ...stagedFindings(observed, expected)];
  });
}

function stagedFindings({ staged }: ObservedHost, { kind, path, hash, key }: ManifestThing): Finding[] {
  const isHash = staged[key];
  if (kind !== "file" || (hash === "-" ? isHash !== undefined : isHash === true)) return [];
  return [
    {
      step: { kind: "stage", path },
      sentence: `the copy of ${path} from which it's repaired is gone or altered`,
    },
  ];
}

function thingFindings(
  { files, secrets }: Comparison,
  expected: Omit<ManifestThing, "key">,
  thing: ObservedThing,
  isAlike: boolean,
  was = "",
): Finding[] {
  const { path, kind } = expected;
  const step: FindingStep = kind === "file" ? { kind: "stage", path } : { kind: "install" };
  const finding = (sentence: string): Finding => ({
    step,
    sentence: `${path} ${was === "" ? "" : `${was} `}${sentence}`,
  });
  if (thing.type === "") return [finding("was removed")];
  if (!(kind === "directory" ? ["directory"] : ["regular file", "regular empty file"]).includes(thing.type)) {
    const isMendable = kind === "file" && thing.type !== "directory";
    const todo = isMendable ? "" : ", which no update replaces: move it away first";
    return [{ ...finding(`${was === "" ? "was replaced by" : "is"} a ${typeOf(thing)}${todo}`), isMendable }];
  }
  const findings: Finding[] = [];
  if (kind === "file" && !isAlike) {
    const file = files.find((candidate) => candidate.path === path);
    const isSecret = expected.hash === "-";
    const diff =
      isSecret || thing.content === undefined || file === undefined
        ? undefined
        : textDiff(path, thing.content, file.text, secrets);
    findings.push({
      ...finding(`${was === "" ? "was changed" : "differs"}${isSecret ? " (its text is secret)" : ""}`),
      ...(diff !== undefined && { diff }),
    });
  }
  if (thing.mode !== expected.mode) findings.push(finding(`has mode ${thing.mode}, not ${expected.mode}`));
  if (thing.owner !== expected.owner)
    findings.push(finding(`is owned by ${thing.owner}, not ${expected.owner}`));
  return findings;
}

const typeOf = ({ type, linkTarget }: ObservedThing): string =>
  linkTarget === undefined ? type : `link to ${linkTarget}`;
