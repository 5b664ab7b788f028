/**
 * Lets a process run for a share of the time only. A machine with two cores can't keep a Redis busy and itself too;
 * one that is slowed down becomes what limits, as on a machine with more cores, and what holds then can be measured.
 */

/** Short, so that a client mostly waits for the server's work, and hardly for its next turn. */
const RUN_MS = 2;

/** Begins at once; stop it before the process is to end. */
export function slowDown(pid: number, share: number): Disposable {
  const startedAt = performance.now();
  let ranMs = 0;
  let resumedAt = startedAt;
  let timer = setTimeout(pause, RUN_MS);

  function pause(): void {
    process.kill(pid, "SIGSTOP");
    const now = performance.now();
    ranMs += now - resumedAt;
    // Stopped until its run time is its share again. This makes up for timers that fired late.
    timer = setTimeout(resume, ranMs / share - (now - startedAt));
  }

  function resume(): void {
    process.kill(pid, "SIGCONT");
    resumedAt = performance.now();
    timer = setTimeout(pause, RUN_MS);
  }

  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      process.kill(pid, "SIGCONT");
    },
  };
}
