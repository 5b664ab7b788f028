/** Faults of the network between Redis and its clients. */

import { setTimeout as delay } from "node:timers/promises";

import type { Direction } from "../../../tests/support/proxy-link.ts";
import type { Fault, Lane } from "./fault.ts";

const isScript = ([name = ""]: readonly string[]): boolean => /^evalsha$/i.test(name);

/** Holds back all data in one direction, which then arrives late. */
function held(direction: Direction): Fault["inject"] {
  return async ({ proxy }, { forMs }) => {
    const release = proxy.hold(direction);
    await delay(forMs);
    release();
    return true;
  };
}

/** Lets the connections of some clients be dead in one direction. */
function vanish(direction: Direction): Fault["inject"] {
  return async ({ proxy }, { pick }) => {
    proxy.dropOpen([direction], 0.1 + 0.4 * pick);
    return await Promise.resolve(true);
  };
}

export const OF_NETWORK: Lane = {
  everyMs: 3_500,
  faults: [
    {
      kind: "connections cut",
      weight: 3,
      inject: async ({ proxy }) => {
        proxy.cut();
        return await Promise.resolve(true);
      },
    },
    {
      kind: "delay and jitter",
      weight: 2,
      forMs: [500, 3_000],
      inject: async ({ proxy }, { pick, forMs }) => {
        proxy.shape({ delayMs: 5 + 20 * pick, jitterMs: 20 * pick });
        await delay(forMs);
        proxy.shape({});
        return true;
      },
    },
    {
      kind: "Redis far away",
      weight: 0.7,
      forMs: [1_000, 5_000],
      inject: async ({ proxy }, { forMs }) => {
        proxy.shape({ delayMs: 100 });
        await delay(forMs);
        proxy.shape({});
        return true;
      },
    },
    {
      kind: "reply lost",
      weight: 3,
      inject: async ({ proxy }, { pick }) => {
        await proxy.meddle(isScript, { loseReply: true }, 1 + Math.floor(3 * pick));
        return true;
      },
    },
    {
      kind: "LOADING reply",
      weight: 2,
      inject: async ({ proxy }) => {
        await proxy.meddle(isScript, { answer: "-LOADING Redis is loading the dataset in memory" });
        return true;
      },
    },
    {
      kind: "links half-open",
      weight: 0.3,
      inject: async ({ proxy }, { pick }) => {
        proxy.dropOpen(undefined, 0.3 + 0.7 * pick);
        return await Promise.resolve(true);
      },
    },
    { kind: "one-way cut: commands wait", weight: 2, forMs: [300, 4_000], inject: held("to Redis") },
    { kind: "one-way cut: replies wait", weight: 2, forMs: [300, 4_000], inject: held("to the client") },
    { kind: "one-way cut: commands vanish", weight: 0.4, inject: vanish("to Redis") },
    { kind: "one-way cut: replies vanish", weight: 0.4, inject: vanish("to the client") },
  ],
};
