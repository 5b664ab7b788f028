/**
 * What evil tasks of the soak do to the process or thread that they run in, and how their items must end. Other items
 * must not be affected or charged.
 */

import { spawn } from "node:child_process";
import { closeSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

interface Evil {
  readonly does: () => unknown;
  /** Code of the error that the item must end in; none if it gives its result. */
  readonly ends?: "WORKER_LOST" | "TASK_TIMEOUT";
  /** It harms the whole process, and must not be run in a thread of a program that is to go on. */
  readonly needsProcess?: true;
}

const FOR_EVER_MS = 1_000_000;

const table = {
  exits: { does: () => process.exit(3), ends: "WORKER_LOST" },
  "throws what nobody catches": {
    does: async () => {
      setTimeout(() => {
        throw new TypeError("of an evil task");
      }, 5);
      await delay(FOR_EVER_MS);
    },
    ends: "WORKER_LOST",
  },
  "writes garbage to its pipe": {
    does: async () => {
      writeSync(6, 'garbage\n{"t":"nonsense"}\n');
      await delay(FOR_EVER_MS);
    },
    ends: "WORKER_LOST",
    needsProcess: true,
  },
  "closes its pipes": {
    does: async () => {
      for (const fd of [3, 6]) closeSync(fd);
      await delay(FOR_EVER_MS);
    },
    ends: "WORKER_LOST",
    needsProcess: true,
  },
  "exhausts its heap": {
    does: () => {
      // A few large arrays, because collecting many small ones near the memory limit would take longer than the time
      // limit.
      for (const hoard: unknown[] = []; ;) hoard.push(Array(100_000).fill(0.5));
    },
    ends: "WORKER_LOST",
  },
  "spins for ever": {
    does: () => {
      for (;;);
    },
    ends: "TASK_TIMEOUT",
  },
  "does not heed its signal": { does: () => delay(FOR_EVER_MS), ends: "TASK_TIMEOUT" },
  "runs a program for ever": {
    does: async () => {
      spawn("sleep", ["1000"]);
      await delay(FOR_EVER_MS);
    },
    ends: "TASK_TIMEOUT",
    needsProcess: true,
  },
  "leaves a timer that throws": {
    does: () =>
      void setTimeout(() => {
        throw new TypeError("left behind");
      }, 3),
  },
  "leaves a promise that rejects": {
    does: () => void delay(3).then(() => Promise.reject(new TypeError("left behind"))),
  },
  "leaves a timer that exits": { does: () => void setTimeout(() => process.exit(1), 3) },
  "patches globals": {
    does: () =>
      void Object.assign(globalThis, {
        JSON: undefined,
        Promise: class {},
        Buffer: undefined,
        performance: undefined,
        setImmediate: () => {},
      }),
  },
  "patches Map": {
    does: () => {
      Map.prototype.get = Map.prototype.set = () => {
        throw new Error("no map");
      };
    },
  },
} as const satisfies Readonly<Record<string, Evil>>;

export type EvilDeed = keyof typeof table;

export const EVIL: Readonly<Record<EvilDeed, Evil>> = table;
