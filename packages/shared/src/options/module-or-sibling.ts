/** Where a tasks module lies after a build: `tsc` writes `tasks.js`, and leaves `new URL("./tasks.ts", …)` as it is. */

import { existsSync } from "node:fs";
import { debuglog } from "node:util";

const debug = debuglog("poolmq");

/** Extensions of a source, and of what a compiler makes of it. */
const BUILT_AS: readonly (readonly [source: RegExp, built: string])[] = [
  [/\.tsx?$/, ".js"],
  [/\.mts$/, ".mjs"],
  [/\.cts$/, ".cjs"],
  // The other way round: a program names its built file, and is run from its sources.
  [/\.jsx?$/, ".ts"],
  [/\.mjs$/, ".mts"],
  [/\.cjs$/, ".cts"],
];

/**
 * Gives the path itself if there is such a file, else that of the file beside it that a compiler makes of it, or that
 * it is made of. With neither, the path itself: loading it will fail, and say what was looked for.
 */
export function moduleOrSibling(path: string): string {
  const [source, built = ""] = BUILT_AS.find(([extension]) => extension.test(path)) ?? [];
  if (source === undefined || existsSync(path)) return path;
  const sibling = path.replace(source, built);
  if (!existsSync(sibling)) return path;
  debug("%s does not exist: the tasks module is %s", path, sibling);
  return sibling;
}
