/** The functions that are measured, the same for every competitor that runs JavaScript. tasks.py has them for Python. */

import { randomFillSync } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

export function increment(x: number): number {
  return x + 1;
}

/** Computes until this process has used `ms` of CPU time, whatever share of a core it gets. */
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

/** As `wait`, except on a machine that was set up as slow, where each item takes the time that was set. */
export function waitHere(ms: number): Promise<number> {
  return delay(Number(process.env["POOLMQ_TASK_SLOW_MS"] ?? ms), ms);
}

export function echo(bytes: Buffer): Buffer {
  return bytes;
}

/** Uses a value that all items have in common. */
export function byteAt(bytes: Buffer, i: number): number {
  return bytes[i % bytes.length] ?? 0;
}

export function add(a: number, b: number): number {
  return a + b;
}

const BLOCK_BYTES = 1024 * 1024;

/** Makes a block of random bytes, and counts how often each 16-bit value is in it. */
export function histogram(_block: number): Float64Array {
  const counts = new Float64Array(65_536);
  for (const value of randomFillSync(new Uint16Array(BLOCK_BYTES / 2)))
    counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** Adds to its first argument. */
export function addCounts(a: Float64Array, b: Float64Array): Float64Array {
  for (let value = 0; value < a.length; value++) a[value] = (a[value] ?? 0) + (b[value] ?? 0);
  return a;
}
