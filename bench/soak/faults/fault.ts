/** A fault of the soak, and its possible victims. */

import { setTimeout as delay } from "node:timers/promises";

import type { QueueKeys } from "@poolmq/shared/redis";

import type { RedisServer } from "../../../tests/support/redis-server.ts";
import type { TcpProxy } from "../../../tests/support/tcp-proxy.ts";
import type { Asker } from "../actors/asker.ts";
import type { Fleet } from "../actors/fleet.ts";
import type { DamagedItems } from "./damaged-items.ts";

/** A queue with its fleet and its producers. */
export interface Queue {
  readonly keys: QueueKeys;
  readonly fleet: Fleet;
  readonly askers: readonly Asker[];
}

/** Everything that faults can hit. */
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

/** How a fault is to be done, according to the plan. */
export interface How {
  /** Picks the victim: from 0 to 1. */
  readonly pick: number;
  /** How long it lasts, in ms, if it lasts. */
  readonly forMs: number;
}

export interface Fault {
  readonly kind: string;
  /** Relative frequency among the faults of its lane. */
  readonly weight: number;
  /** How long it may last, in ms. @defaultValue it does not last */
  readonly forMs?: readonly [min: number, max: number];
  /** Injects the fault; resolves when it is over. False if there was nothing to hit. */
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

/** Makes a further pick from one that was used for a choice among `choices`. */
export function nextPick(pick: number, choices: number): number {
  return (pick * choices) % 1;
}

/** Repeats a command until Redis carries it out; while a script runs, for example, it refuses everything. */
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
