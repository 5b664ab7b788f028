/** The functions that are measured: the same for every competitor that runs JavaScript. tasks.py has them for Python. */

import { setTimeout as delay } from "node:timers/promises";

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

/** Waits, as for another server's answer. */
export function wait(ms: number): Promise<number> {
  return delay(ms, ms);
}

export function echo(bytes: Buffer): Buffer {
  return bytes;
}

/** Uses a value that all items have in common. */
export function byteAt(bytes: Buffer, i: number): number {
  return bytes[i % bytes.length] ?? 0;
}
