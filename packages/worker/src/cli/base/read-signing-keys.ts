import { readFileSync } from "node:fs";

import { InvalidOptionError } from "@poolmq/shared";
import { readKeyLines } from "@poolmq/shared/internal";

/**
 * Gives the keys of a file, one a line. A file, because everybody on a machine sees the arguments of its processes.
 *
 * @throws InvalidOptionError
 */
export function readSigningKeys(path: string): string[] {
  try {
    return readKeyLines(readFileSync(path, "utf8"));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new InvalidOptionError(
      `Expected --signing-key-file (or POOLMQ_SIGNING_KEY_FILE) to be a file that can be read, got ${path} (${reason})`,
    );
  }
}
