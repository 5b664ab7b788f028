import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { InvalidOptionError } from "@poolmq/shared";
import { moduleOrSibling, inspectBriefly } from "@poolmq/shared/internal";

/** The tasks module, as the option `tasks` gave it. */
export interface GivenTasks {
  /** Its path, if it was given as one. */
  readonly modulePath: string | undefined;
  /** The module itself, if it was given. */
  readonly module: object | undefined;
}

/** Tells a module from the path of one. @throws InvalidOptionError */
export function readTasks(tasks: unknown): GivenTasks {
  if (tasks === undefined) return { modulePath: undefined, module: undefined };
  if (tasks instanceof URL || (typeof tasks === "string" && tasks.startsWith("file:"))) {
    const url = new URL(tasks);
    if (url.protocol === "file:")
      return { modulePath: moduleOrSibling(fileURLToPath(url)), module: undefined };
  } else if (typeof tasks === "string" && tasks !== "") {
    return { modulePath: moduleOrSibling(resolve(tasks)), module: undefined };
  } else if (tasks instanceof Promise) {
    throw new InvalidOptionError(
      'Expected `tasks` to be a tasks module, got a promise of one: write `tasks: await import("./tasks.ts")`, or new URL("./tasks.ts", import.meta.url)',
    );
  } else if (typeof tasks === "object" && tasks !== null) {
    return { modulePath: undefined, module: tasks };
  }
  throw new InvalidOptionError(
    `Expected \`tasks\` to be a path, a file: URL or an imported module, got ${inspectBriefly(tasks)}`,
  );
}

/**
 * Gives the path of the module, for a pool whose own workers are to load it.
 *
 * @param who - for the error: what loads the module, such as "each thread loads"
 * @throws InvalidOptionError if it is not given as a path
 */
export function readModulePath(tasks: unknown, who: string): string {
  const { modulePath } = readTasks(tasks);
  if (modulePath !== undefined) return modulePath;
  throw new InvalidOptionError(
    `Expected \`tasks\` to be the path or URL of the tasks module, which ${who}, got ` +
      (tasks === undefined ? "undefined" : 'the module itself: write new URL("./tasks.ts", import.meta.url)'),
  );
}
