/** Runs maps that share a fleet, and records when each result came. */

import { setTimeout as delay } from "node:timers/promises";

import type { BasePool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";
import type { Operations, SideMap, SideTimes } from "./operations.ts";

export async function sideBySide(
  pool: BasePool<typeof tasks>,
  { maps, forMs }: Operations["sideBySide"]["request"],
): Promise<Operations["sideBySide"]["reply"]> {
  const until = AbortSignal.timeout(forMs);
  return { maps: await Promise.all(maps.map((map) => timesOf(pool, map, until))) };
}

async function timesOf(
  pool: BasePool<typeof tasks>,
  { task, items, ms, afterMs = 0, options }: SideMap,
  signal: AbortSignal,
): Promise<SideTimes> {
  const args = Array.from({ length: items }, () => ms);
  if (afterMs > 0) await delay(afterMs);
  const calledAt = now();
  const cameAt: number[] = [];
  const indices: number[] = [];
  const onResult = (_result: number, index: number): void => {
    cameAt.push(now());
    indices.push(index);
  };
  const call = pool.map(task, args, { ...options, signal, onResult });
  await call.settled();
  return { calledAt, cameAt, indices, meanMs: call.insights().running?.meanMs ?? 0 };
}

/** A clock that is the same for all processes of this machine, and does not change when the time is set. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
