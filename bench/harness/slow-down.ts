/**
 * Lets a process run for a share of the time only. A machine with two cores can't keep a Redis busy and itself too;
 * one that is slowed down becomes what limits, as on a machine with more cores, and what holds then can be measured.
 */

/** Short, so that nobody's time limit is in sight, and long enough for a timer to be exact. */
const PERIOD_MS = 20;

/** Begins at once; stop it before the process is to end. */
export function slowDown(pid: number, share: number): Disposable {
  let nextAt = performance.now();
  let timer: NodeJS.Timeout;
  const turn = (running: boolean): void => {
    process.kill(pid, running ? "SIGCONT" : "SIGSTOP");
    // From the last edge and not from now: a late timer makes the next one early.
    nextAt += PERIOD_MS * (running ? share : 1 - share);
    timer = setTimeout(turn, Math.max(0, nextAt - performance.now()), !running);
  };
  turn(true);
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      process.kill(pid, "SIGCONT");
    },
  };
}
