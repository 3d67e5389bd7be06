// Prints the stack output `hosts` (JSON on stdin) as people want to see it: a table of units, and the health check's log.
import { readFileSync } from "node:fs";

const { hosts } = JSON.parse(readFileSync(0, "utf8"));
for (const [name, host] of Object.entries(hosts)) {
  console.log(`\n${name} (${host.address}), revision ${host.revision}`);
  console.table(host.units);
  console.log(
    `health check: ${host.healthCheck.passed ? "passed" : "failed"}, external URL: ${host.healthCheck.external}`,
  );
  for (const line of host.healthCheck.log) console.log(`  ${line}`);
}
console.log();
