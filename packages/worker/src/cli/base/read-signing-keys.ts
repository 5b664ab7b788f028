import { readFileSync } from "node:fs";

import { InvalidOptionError } from "@poolmq/shared";
import { readKeyLines } from "@poolmq/shared/internal";

/**
 * Reads keys from a file, one on each line. They are not given as arguments, because every user of a machine can see
 * those.
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
