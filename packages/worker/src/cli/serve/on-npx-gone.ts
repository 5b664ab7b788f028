/** How often to look: a worker that outlives its npx for a second harms nobody. */
const LOOK_MS = 1_000;

/**
 * Calls back once the npx that started this process has ended. A process manager sends its SIGTERM to npx, which ends
 * without passing it on. The worker would stay, and go on serving the queue with old code.
 */
export function onNpxGone(
  callback: () => void,
  env: Readonly<Record<string, string | undefined>> = process.env,
): void {
  if (env["npm_lifecycle_event"] !== "npx") return;
  const { ppid } = process;
  const timer = setInterval(() => {
    // A process whose parent has ended gets another parent.
    if (process.ppid === ppid) return;
    clearInterval(timer);
    callback();
  }, LOOK_MS);
  timer.unref();
}
