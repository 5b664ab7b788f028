/**
 * For what is made once a run and takes long, such as installed packages. A global setup starts to make it, and the
 * other tests run meanwhile; only those that need it wait. It is told through a file, since Vitest hands values to test
 * files before anything is made.
 */

import { existsSync, readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";

import { until } from "./until.ts";

/** Longer than any of it takes, so that a hang is a failure of those who wait. */
const PATIENCE_MS = 600_000;

export type Made<T> = { readonly value: T } | { readonly error: string };

/** Makes it, in a global setup, and tells of it in this file, or why it failed. Never rejects for what `make` throws. */
export async function makeForRun<T>(file: string, make: () => Promise<T>): Promise<void> {
  let made: Made<T>;
  try {
    made = { value: await make() };
  } catch (error) {
    made = { error: String(error) };
  }
  // Renamed, so that nobody reads half of it.
  await writeFile(`${file}.part`, JSON.stringify(made));
  await rename(`${file}.part`, file);
}

/** Waits in a test file until it is made. */
export async function madeByRun<T>(file: string): Promise<Made<T>> {
  await until(() => existsSync(file), {
    what: "what the run makes once",
    timeoutMs: PATIENCE_MS,
    everyMs: 50,
  });
  return JSON.parse(readFileSync(file, "utf8")) as Made<T>;
}
