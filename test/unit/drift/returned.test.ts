import { expect, test } from "vitest";

import { findDrift } from "../../../src/drift/findings";
import type { ObservedHost } from "../../../src/drift/observedHost";
import { transactionOf } from "../../../src/drift/revision";
import { revisionOf } from "../../../src/model/manifest";
import { desiredOf, filesOf, minimal, withKey } from "../support/configs";
import { inSyncHost, manifestOf, TRANSACTION } from "../support/hostInSync";

/** A configuration that somebody brought back with scripts/rollback. */
const CONFIGURED = minimal();
const FORMER = withKey(CONFIGURED, "service.restartSec", "7s");
const revision = revisionOf(manifestOf(CONFIGURED));

function returned(raw: typeof CONFIGURED): ObservedHost {
  const host = inSyncHost(raw);
  if (host.manifest === undefined || host.manifest === "corrupt" || host.manifest.confirmed === undefined) {
    throw new Error("not confirmed");
  }
  const confirmed = { ...host.manifest.confirmed, returnedAt: "2026-01-22T22:14:39+0100" };
  return { ...host, manifest: { ...host.manifest, confirmed } };
}

const found = (observed: ObservedHost) =>
  findDrift({
    ...{ desired: desiredOf(CONFIGURED), revision, files: filesOf(CONFIGURED), observed },
    ...{ helperListing: "listing", secrets: [] },
  }).filter(({ step }) => step.kind === "install");

test("it's drift at the step that installs, and the update installs the configured one", () => {
  const findings = found(returned(FORMER));
  expect(findings).toEqual([
    {
      step: { kind: "install" },
      sentence: `revision ${revisionOf(manifestOf(FORMER))} was brought back on the host at 2026-01-22T22:14:39+0100 (scripts/rollback)`,
      mending: `installs the configured revision ${revision} again`,
    },
  ]);
  expect(transactionOf(revision, returned(FORMER), findings)).not.toBe(TRANSACTION);
});

test("it's none where the configuration went back too: the host is ahead of the state only", () => {
  expect(found(returned(CONFIGURED))).toEqual([]);
});

test("another configuration than the host's is none by itself", () => {
  expect(found(inSyncHost(FORMER))).toEqual([]);
});
