// Preloaded into the tests' programs: Pulumi's SDK loads TypeScript, ts-node and npm's arborist at every start, and maps each promise's
// stack to sources, a third of a run's processor time. The tests run programs that are JavaScript already (build.ts) and serialize no
// functions, so nothing needs that.
const Module = require("node:module");

const UNUSED = [
  [/^typescript$/, { version: "not loaded" }],
  [/\/ts-node@/, { register: () => undefined }],
  [/^@npmcli\/arborist$/, {}],
  [/^source-map-support$/, { install: () => undefined }],
];
const load = Module._load;
Module._load = function (request, ...others) {
  const found = UNUSED.find(([name]) => name.test(request));
  return found ? found[1] : load.call(this, request, ...others);
};
