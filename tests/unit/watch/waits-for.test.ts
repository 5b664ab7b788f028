import { waitsFor } from "@poolmq/worker/internal";
import type { MachineView } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

const MAP = { id: "m", task: "t", running: 5, quietMs: 10_000 };

/** A machine whose one process runs items of these maps; `undefined`: it did not tell. */
function machine(...mapIds: (string | undefined)[]): MachineView {
  const running = mapIds.flatMap((mapId) => {
    return mapId === undefined ? [] : [{ task: "t", mapId, index: 0, items: 1, attempt: 1, sinceMs: 0 }];
  });
  const child = {
    pid: 1,
    state: "ready" as const,
    items: 0,
    memoryBytes: null,
    cpuMs: null,
    running,
    spans: [],
  };
  return {
    id: "a",
    host: "a",
    pid: 1,
    version: "0",
    codeVersion: null,
    node: "24",
    silentMs: 0,
    processes: 1,
    concurrency: 1,
    tasks: { t: { arity: 0 } },
    unfit: null,
    waiting: 0,
    children: mapIds.includes(undefined) ? null : [child],
  };
}

/** Its processes load their tasks still. */
const starting = {
  ...machine(),
  children: (machine().children ?? []).map((child) => ({ ...child, state: "starting" as const })),
};

const unfit = { ...machine(), unfit: { module: "m", phase: "load", reason: "broken" } };

test.for([
  ["nothing if some of it runs", MAP, false, [machine("m")], null],
  ["nothing if some of it runs, though the queue is paused", MAP, true, [machine("m")], null],
  ["for the queue to be resumed", MAP, true, [machine("other")], "resume"],
  ["for workers", MAP, false, [], "workers"],
  ["for workers that can run something", MAP, false, [unfit], "workers"],
  [
    "for workers that have its function",
    MAP,
    false,
    [{ ...machine(), tasks: { other: { arity: 0 } } }],
    "workers",
  ],
  ["for workers that are ready", MAP, false, [starting, unfit], "workers"],
  ["for its turn on those that are ready", MAP, false, [starting, machine("other")], "turn"],
  ["nothing that is known of a machine that does not tell", MAP, false, [starting, machine(undefined)], null],
  ["for its turn", MAP, false, [machine("other"), machine()], "turn"],
  ["nothing if an item came a moment ago", { ...MAP, quietMs: 100 }, false, [machine("other")], null],
  ["nothing that is known, if a machine does not tell", MAP, false, [machine(undefined)], null],
  ["nothing if it has nothing to run", { ...MAP, running: 0 }, true, [], null],
] as const)("a map waits %s", ([, map, paused, machines, expected]) => {
  expect(waitsFor(map, { paused, machines })).toBe(expected);
});
