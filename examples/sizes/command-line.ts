import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export const USAGE = `Usage: npm start [-- <folder>]

Gives the gzip and brotli size of every file under a folder, on all cores, and
tells how much faster that was than one process doing the same.
Without a folder: the project's own node_modules.`;

/** Where the dependencies of this project lie. */
const OWN_NODE_MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

/**
 * Reads the arguments.
 *
 * @returns the folder to look at, or `undefined` if help was asked for
 * @throws TypeError with what is wrong with the arguments
 */
export function readCommandLine(args: readonly string[]): string | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { help: { type: "boolean", short: "h" } },
    allowPositionals: true,
  });
  if (values.help === true) return undefined;
  if (positionals.length > 1) throw new TypeError(`Expected one folder, got ${positionals.length}`);
  const [folder = OWN_NODE_MODULES] = positionals;
  // npm runs its scripts in the project's folder, and says in INIT_CWD where the user was.
  const from = process.env["npm_lifecycle_event"] === "start" ? process.env["INIT_CWD"] : undefined;
  return resolve(from ?? process.cwd(), folder);
}
