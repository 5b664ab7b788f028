import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Enough for a fresh install from the registry; a tool that takes longer hangs. */
const TOOL_TIMEOUT_MS = 100_000;

/**
 * Runs a program as a user would at their own prompt and gives its standard output. Rejects, with what the program
 * printed in the message, when it fails.
 */
export async function runTool(cwd: string, program: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute(program, args, {
      cwd,
      env: plainEnvironment(),
      timeout: TOOL_TIMEOUT_MS,
    });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** This process's environment without what `npm test` and Vitest put there for their own children. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const ours =
    /^(npm_(?!config_(cafile|registry|userconfig|cache)$)|VITEST|NODE_ENV$|NODE_OPTIONS$|INIT_CWD$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}
