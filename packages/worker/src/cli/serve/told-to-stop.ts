import { once } from "node:events";

/** Waits until the process is told to stop, and keeps it alive until then, because a server alone may not do that. */
export async function toldToStop(): Promise<void> {
  const alive = setInterval(() => {}, 60_000);
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  clearInterval(alive);
}
