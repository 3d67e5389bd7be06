import { parseArgs } from "node:util";

import { contactSentence, otherStackSentence } from "../../src/errors";
import { type Inspection, inspectHost } from "../../src/inspect";
import { releaseCommand } from "../../src/outputs";
import { presenceOf } from "../../src/render/secrets";
import { connectionTo } from "../../src/remote/connection";
import { ContactError } from "../../src/remote/session";
import { EXIT, runProgram } from "./program";
import { type SelectedStack, selectedStack } from "./stack";

interface HostResult {
  readonly name: string;
  readonly address: string;
  readonly code: number;
  /** What is wrong, a sentence each. */
  readonly findings: readonly { readonly sentence: string; readonly diff?: string }[];
  /** What is so on purpose. */
  readonly notes?: readonly string[];
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: {
      drift: { type: "boolean", default: false },
      stack: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const stack = await selectedStack(options.stack);
  const results = await Promise.all(stack.config.hosts.map((host) => resultFor(host, stack, options.drift)));
  if (options.json) console.log(JSON.stringify({ stack: stack.fullName, hosts: results }, undefined, 2));
  else for (const result of results) print(result);
  return Math.max(...results.map(({ code }) => code));
}

async function resultFor(
  host: SelectedStack["config"]["hosts"][number],
  { config, fullName }: SelectedStack,
  onlyDrift: boolean,
): Promise<HostResult> {
  const connection = connectionTo(host, config);
  const { name, address } = host;
  const failed = (code: number, sentence: string): HostResult => ({
    name,
    address,
    code,
    findings: [{ sentence }],
  });
  const secrets = { environment: config.secretEnvironment, alerts: config.alerts };
  try {
    const inspection = await inspectHost(
      connection,
      { ...config, ...presenceOf(secrets) },
      secrets,
      fullName,
    );
    if (inspection.otherStack !== undefined) {
      const command = releaseCommand(connection, config.service.name);
      const sentence = otherStackSentence(address, config.service.name, inspection.otherStack, command);
      return failed(EXIT.refused, sentence);
    }
    const findings = findingsOf(inspection, config.service.name, onlyDrift);
    const code = findings.length === 0 ? EXIT.ok : EXIT.finding;
    return { name, address, code, findings, notes: inspection.hostNotices };
  } catch (error) {
    if (!(error instanceof ContactError)) throw error;
    const { user, port } = host;
    return failed(
      EXIT.unreachable,
      contactSentence(error.target ?? { host: address, user, port }, error.failure),
    );
  }
}

function findingsOf(
  { findings, problems, isNew }: Inspection,
  service: string,
  onlyDrift: boolean,
): HostResult["findings"] {
  return [
    ...(onlyDrift ? [] : problems.map((sentence) => ({ sentence }))),
    ...(isNew ? [{ sentence: `nothing of ${service} is installed` }] : []),
    ...findings.map(({ sentence, diff }) => ({ sentence, ...(diff !== undefined && { diff }) })),
  ];
}

function print({ name, address, findings, notes = [] }: HostResult): void {
  console.log(
    `${name} (${address}): ${findings.length === 0 ? "as it was installed" : `${findings.length} found`}`,
  );
  for (const note of notes) console.log(`  ${note}`);
  for (const { sentence, diff } of findings) {
    console.log(`  - ${sentence}`);
    if (diff !== undefined) console.log(diff.replace(/^/gm, "      "));
  }
}

runProgram(main);
