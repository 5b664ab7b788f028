/** What a fault of the soak is, and what it is done to. */

import { setTimeout as delay } from "node:timers/promises";

import type { QueueKeys } from "@poolmq/shared/redis";

import type { RedisServer } from "../../../tests/support/redis-server.ts";
import type { TcpProxy } from "../../../tests/support/tcp-proxy.ts";
import type { Asker } from "../actors/asker.ts";
import type { Fleet } from "../actors/fleet.ts";
import type { DamagedItems } from "./damaged-items.ts";

/** A queue, who works for it, and who asks. */
export interface Queue {
  readonly keys: QueueKeys;
  readonly fleet: Fleet;
  readonly askers: readonly Asker[];
}

/** What faults are done to. */
export interface Stage {
  readonly redis: RedisServer;
  readonly proxy: TcpProxy;
  readonly queues: readonly Queue[];
  /** Producers whose pools are in memory. */
  readonly inMemory: readonly Asker[];
  readonly damaged: DamagedItems;
  /** Resolves once Redis is up: faults that change its data wait for that. */
  readonly redisBack: () => Promise<unknown>;
}

/** How a fault is done: by the plan. */
export interface How {
  /** Picks the victim: from 0 to 1. */
  readonly pick: number;
  /** How long it lasts, in ms, if it lasts. */
  readonly forMs: number;
}

export interface Fault {
  readonly kind: string;
  /** How often, against the others of its lane. */
  readonly weight: number;
  /** How long it may last, in ms. @defaultValue it does not last */
  readonly forMs?: readonly [min: number, max: number];
  /** Does it; resolves when it is over. False if there was nothing to hit. */
  readonly inject: (stage: Stage, how: How) => Promise<boolean>;
}

/** Faults that come one after the other. */
export interface Lane {
  /** Mean time from one fault to the next, in ms. */
  readonly everyMs: number;
  readonly faults: readonly Fault[];
}

/** One of the values, by a number from 0 to 1. */
export function picked<V>(values: readonly V[], pick: number): V | undefined {
  return values[Math.floor(pick * values.length)];
}

/** Takes several picks from one: what is left of it after the first choice among so many. */
export function nextPick(pick: number, choices: number): number {
  return (pick * choices) % 1;
}

/** Orders something of Redis until it obeys: while a script runs, for one, it refuses everything. */
export async function untilObeyed(order: () => Promise<unknown>): Promise<void> {
  for (let refusal: unknown = "BUSY"; /BUSY|LOADING|MISCONF|saving/i.test(String(refusal)); await delay(20)) {
    try {
      await order();
      return;
    } catch (error) {
      refusal = error;
    }
  }
}
