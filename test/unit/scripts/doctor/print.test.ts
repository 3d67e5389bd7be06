import { expect, test } from "vitest";

import { layersText } from "../../../../scripts/lib/doctor/print";
import { failed, here, layer, onHost, untested, warning } from "../../../../scripts/lib/doctor/verdict";

const LAYERS = [
  layer("host", "all is well", []),
  layer("service", "", [failed("it failed", onHost("systemctl start x")), failed("its log says why")]),
  layer("files", "", [
    { ...warning("one changed", here("pulumi up")), diff: "-old\n+new" },
    warning("one was removed", here("pulumi up")),
  ]),
  untested("application", "it isn't running"),
];

test("a line a layer; below it the causes and commands, each command once", () => {
  expect(layersText(LAYERS, "web1", false)).toEqual([
    "  ✓ host         all is well",
    "  ✗ service      it failed",
    "                 → on web1: systemctl start x",
    "                 its log says why",
    "  ! files        one changed",
    "                   -old",
    "                   +new",
    "                 one was removed",
    "                 → here: pulumi up",
    "  - application  not tested: it isn't running",
  ]);
});

test("colours only where the terminal has them", () => {
  expect(layersText(LAYERS, "web1", false).join("")).not.toContain("\u001b");
  expect(layersText(LAYERS, "web1", true)[0]).toBe("  \u001b[32m✓\u001b[0m host         all is well");
});

test("of a layer that isn't well nothing is said that holds only where it is", () => {
  expect(layer("service", "it is active", [failed("it was stopped")]).seen).toBe("");
  expect(layer("service", "it is active", []).seen).toBe("it is active");
});
