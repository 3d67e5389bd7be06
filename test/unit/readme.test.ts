import { readFileSync } from "node:fs";
import { join } from "node:path";

import ts from "typescript";
import { expect, test } from "vitest";

import { CHECKOUT } from "./support/configs";

test("the README's program is one: it compiles against the library", () => {
  const [, program = ""] = /```ts\n(.*?)```/s.exec(readFileSync(join(CHECKOUT, "README.md"), "utf8")) ?? [];
  const path = join(CHECKOUT, "readme-example.ts");
  const options: ts.CompilerOptions = {
    ...ts.parseJsonConfigFileContent(
      ts.readConfigFile(join(CHECKOUT, "tsconfig.json"), (file) => ts.sys.readFile(file)).config,
      ts.sys,
      CHECKOUT,
    ).options,
    paths: { "pulumi-systemd-ha": [join(CHECKOUT, "src/index.ts")] },
  };
  const host = ts.createCompilerHost(options);
  const fileExists = host.fileExists.bind(host);
  host.fileExists = (file) => file === path || fileExists(file);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (file, version, ...rest) =>
    file === path ? ts.createSourceFile(file, program, version) : getSourceFile(file, version, ...rest);
  const problems = ts.getPreEmitDiagnostics(ts.createProgram([path], options, host));
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
}, 60_000);
