import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Runs a command of the container engine and gives what it prints. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("docker", args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

/** Why no container can be started here; `undefined` if one can. */
export async function missingEngine(): Promise<string | undefined> {
  try {
    await docker("version", "--format", "{{.Server.Version}}");
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().split("\n").at(-1);
  }
}
