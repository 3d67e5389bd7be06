import { defineConfig } from "vitest/config";

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
    // Three: they wait more than they work.
    maxWorkers: 3,
    minWorkers: 1,
    projects: [
      project("unit", "test/unit/**/*.test.ts", 60),
      project("stack", "test/stack/**/*.test.ts", 120),
      project("conformance", "test/conformance/**/*.test.ts", 180),
      project("guarantees", "test/guarantees/**/*.test.ts", 420, ["test/support/build.ts"]),
    ],
  },
});
