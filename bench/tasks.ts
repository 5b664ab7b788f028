/** The functions that are measured: the same for every competitor that runs JavaScript. tasks.py has them for Python. */

export function increment(x: number): number {
  return x + 1;
}

/** Computes until this process has used so much CPU time, whatever share of a core it gets. */
export function spin(ms: number): number {
  const started = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(started);
    if (user + system >= ms * 1000) return ms;
  }
}
