import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

// Pure folders decide; effects stay at the edge. The arrows between folders are in docs/architecture.md.
const EFFECTS = [
  "@pulumi/*",
  "ssh2",
  "node:fs",
  "node:fs/*",
  "node:net",
  "node:child_process",
  "node:timers*",
];

const restrict = (files, patterns, ignores = []) => ({
  files,
  ignores,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group: patterns }] }] },
});

export default tseslint.config(
  { ignores: ["bin/", "node_modules/"] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ["eslint.config.mjs", "scripts/lib/*.mjs", "test/support/*.cjs"],
        },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "max-lines": ["error", { max: 300 }],
    },
  },
  restrict(
    ["src/config/**"],
    [...EFFECTS, "**/model/*", "**/render/*", "**/remote/*"],
    ["src/config/load.ts"],
  ),
  restrict(["src/model/**"], [...EFFECTS, "**/render/*", "**/drift/*", "**/remote/*", "**/resources/*"]),
  restrict(
    ["src/render/**"],
    [...EFFECTS, "**/drift/*", "**/remote/*", "**/resources/*"],
    ["src/render/templates.ts"],
  ),
  restrict(["src/drift/**"], [...EFFECTS, "**/render/*", "**/remote/*", "**/resources/*"]),
  restrict(["src/remote/commands.ts", "src/errors.ts"], EFFECTS),
  {
    files: ["**/*.{cjs,mjs}"],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: { globals: { console: "readonly" } },
  },
  {
    files: ["**/*.cjs"],
    rules: { "@typescript-eslint/no-require-imports": "off" },
    languageOptions: { globals: { require: "readonly" } },
  },
);
