import { createRequire } from "node:module";

import type { pino as Pino } from "pino";

/**
 * Loads pino at its first use. Children and pools without Redis start without it, because most of them log nothing, and
 * the first result would wait for the import.
 */
export function loadPino(): typeof Pino {
  return (createRequire(import.meta.url)("pino") as { pino: typeof Pino }).pino;
}
