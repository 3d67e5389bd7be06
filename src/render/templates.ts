import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import Handlebars from "handlebars";

import type { TemplateName } from "../model/types";
import * as quoting from "./quoting";

/** The package's folder: of the sources (src/render) or of the built library (bin/src/render). */
export const packageRoot = (directory: string): string =>
  directory.includes(join("bin", "src")) ? join(directory, "../../..") : join(directory, "../..");

/** The helper's version: part of its path on the host, and so of every command. See host/VERSION. */
export const helperVersion = (): string =>
  readFileSync(join(packageRoot(__dirname), "host", "VERSION"), "utf8").trim();

const { unitValue, unitAssignment, unitCommand, environmentFileAssignment, shellWord } = quoting;
// Handlebars passes its options as the last argument; the quoting functions take theirs alone.
const helpers = {
  unitValue: (value: unknown) => unitValue(value),
  unitAssignment: (name: unknown, value: unknown) => unitAssignment(name, value),
  unitCommand: (exec: unknown) => unitCommand(exec),
  environmentFileAssignment: (name: unknown, value: unknown) => environmentFileAssignment(name, value),
  shellWord: (value: unknown) => shellWord(value),
};

// An instance of its own: helpers registered elsewhere don't reach our templates, nor ours theirs.
const handlebars = Handlebars.create();
handlebars.registerHelper(helpers);

/** `{{> health-check/log}}`: a file of a folder in `templates/`, plain bash. */
function registerParts(folder: string): void {
  const directory = join(packageRoot(__dirname), "templates", folder);
  for (const file of readdirSync(directory)) {
    const part = readFileSync(join(directory, file), "utf8");
    handlebars.registerPartial(`${folder}/${basename(file, ".bash")}`, part);
  }
}
registerParts("health-check");

type Template = (context: object) => string;
const compiled = new Map<TemplateName, Template>();

/**
 * Renders a template of `templates/`.
 *
 * Strict: an unknown variable or helper throws. HTML escaping is off; what needs quoting says so in the template.
 */
export function renderTemplate(name: TemplateName, context: object): string {
  let template = compiled.get(name);
  if (template === undefined) {
    const source = readFileSync(join(packageRoot(__dirname), "templates", `${name}.hbs`), "utf8");
    template = handlebars.compile(source, {
      strict: true,
      noEscape: true,
      knownHelpersOnly: true,
      // `log` and `lookup` come with Handlebars and would hide variables of that name.
      knownHelpers: {
        ...Object.fromEntries(Object.keys(helpers).map((helper) => [helper, true])),
        log: false,
        lookup: false,
      },
    });
    compiled.set(name, template);
  }
  return template(context);
}
