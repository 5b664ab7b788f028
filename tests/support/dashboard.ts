import type { ProgramOptions } from "./processes.ts";
import { startPoolmq } from "./worker-program.ts";

/** Starts `poolmq dashboard` on a free port, and gives its address; it ends with the test. */
export async function startDashboard(
  at: { readonly url: string; readonly queue: string },
  args: readonly string[] = [],
  env: ProgramOptions["env"] = {},
): Promise<string> {
  const program = startPoolmq(["dashboard", "-r", at.url, "-q", at.queue, "--port", "0", ...args], env);
  const [, url = ""] = await program.line(/^dashboard at (http:\S+)$/m);
  return url;
}
