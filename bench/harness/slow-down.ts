/**
 * Lets a process run for a share of the time only. A machine with two cores can't keep a Redis busy and itself too;
 * one that is slowed down becomes what limits, as on a machine with more cores, and what holds then can be measured.
 */

/** Short, so that who waits for an answer waits for work and not for the next turn. */
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
    // Until what it ran is its share again: a timer that was late is made up for.
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
