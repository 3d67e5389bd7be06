import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take minutes, whatever their size: begun first, so that no worker is left alone with one at the end. */
const LONG =
  /\/(drill|maintenance|history|manyHosts|helperKilled|identity|virtualMachine|driftModes|adoption|interruption|report|rollback|drift|restartMatrix|healthFaults|pluginDefects|exhaustion|alerts)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isShort = ({ moduleId }: TestSpecification): number => (LONG.test(moduleId) ? 0 : 1);
    return (await super.sort(files)).sort((one, other) => isShort(one) - isShort(other));
  }
}

const project = (name: string, include: string, seconds: number, globalSetup: string[] = []) => ({
  test: {
    name,
    globalSetup,
    include: [include],
    testTimeout: seconds * 1000,
    hookTimeout: seconds * 1000,
  },
});

export default defineConfig({
  test: {
    // Most of a test on a host is waiting.
    maxWorkers: 4,
    minWorkers: 1,
    sequence: { sequencer: LongFirst },
    projects: [
      project("unit", "test/unit/**/*.test.ts", 60),
      project("stack", "test/stack/**/*.test.ts", 120),
      project("conformance", "test/conformance/**/*.test.ts", 180),
      project("guarantees", "test/guarantees/**/*.test.ts", 420, ["test/support/build.ts"]),
    ],
  },
});
