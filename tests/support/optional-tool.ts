import { spawnSync } from "node:child_process";

/** A foreign program that some checks need and not every machine has. */
export interface OptionalTool {
  /** True where it is missing, for `test.skipIf`. */
  readonly missing: boolean;
  /** Runs it with an input, and gives what it printed. Fails with that if it ends with another code than 0. */
  run(args: readonly string[], input?: string): string;
}

/**
 * Looks for a program. If it is missing, or `suits` refuses its output, prints a line that says so and where to get it,
 * so that skipped checks are not taken for passed ones.
 */
export function optionalTool(
  name: string,
  {
    probe,
    suits = () => true,
    from,
  }: {
    readonly probe: readonly string[];
    readonly suits?: (output: string) => boolean;
    readonly from: string;
  },
): OptionalTool {
  const { status, stdout } = spawnSync(name, probe, { encoding: "utf8" });
  const missing = status !== 0 || !suits(stdout);
  if (missing) console.warn(`\n  SKIPPED: the checks that need ${name} (${from})\n`);
  return {
    missing,
    run(args, input = "") {
      const ended = spawnSync(name, args, { encoding: "utf8", input });
      const output = ended.stdout + ended.stderr;
      if (ended.status !== 0)
        throw new Error(`${name} ${args.join(" ")} ended with ${ended.status}:\n${output}`);
      return output;
    },
  };
}
