import { ROOT } from "./places.mjs";
import { interruptedBy, run } from "./run.mjs";
import { say } from "./say.mjs";
import { SetupError } from "./setup-error.mjs";

/** Lines of a failed program's output that are shown, from its end, where the reason is. */
const SHOWN_LINES = 20;

/**
 * For npm and pnpm, whose default time limits would let an offline machine wait for minutes. Short failures are covered
 * by these retries and by the one below.
 */
const IMPATIENT = Object.fromEntries(
  ["npm_config", "pnpm_config"].flatMap((prefix) => [
    [`${prefix}_fetch_retries`, "2"],
    [`${prefix}_fetch_retry_mintimeout`, "1000"],
    [`${prefix}_fetch_retry_maxtimeout`, "5000"],
  ]),
);

/**
 * Runs a program that fetches something, quietly, and once more if it fails, because networks fail now and then.
 *
 * @param {string} what for the message, as in "could not fetch …"
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, lasting?: RegExp }} [options] `lasting`: output that shows a failure
 * that another try can't help
 */
export async function fetchStep(what, program, args, { lasting, cwd = ROOT, env = process.env } = {}) {
  for (let attempt = 1; ; attempt++) {
    const { code, output } = await run(program, args, {
      cwd,
      env: { ...env, ...IMPATIENT },
      quiet: true,
    }).catch((error) => {
      throw new SetupError(`could not fetch ${what}: ${program} does not start`, { cause: error });
    });
    if (code === 0) return output;
    if (interruptedBy() !== undefined) throw new SetupError("interrupted");
    if (attempt === 2 || lasting?.test(output)) {
      const end = output.trimEnd().split("\n").slice(-SHOWN_LINES).join("\n");
      throw new SetupError(`could not fetch ${what}; ${program} ended with ${code}:\n${end}`);
    }
    say(`fetching ${what} failed; trying once more`);
  }
}
