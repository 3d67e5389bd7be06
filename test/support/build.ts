import { join } from "node:path";

import { execa } from "execa";

/** Before the tests of the guarantees: the library as the package has it, which their programs use. */
export const setup = async (): Promise<void> => {
  await execa("npm", ["run", "--silent", "build"], {
    cwd: join(__dirname, "../.."),
    stdout: "inherit",
    stderr: "inherit",
  });
};
