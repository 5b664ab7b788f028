import { WIRE_VERSION } from "@poolmq/shared/internal";
import type { WorkerAdvertisement } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

import { Fleet } from "../../../packages/producer/src/engine/fleet.ts";

function machine(
  id: string,
  processes: number,
  more: Partial<WorkerAdvertisement> = {},
): WorkerAdvertisement {
  return {
    v: WIRE_VERSION,
    id,
    host: "here",
    pid: 1,
    processes,
    concurrency: 1,
    tasks: { increment: { arity: 1 } },
    version: "0.1.0",
    node: "24.0.0",
    ...more,
  };
}

test("only machines that can run a map's task count: those that have it, in the version that was asked for", () => {
  const fleet = new Fleet(async () => {});
  expect(fleet.slots("increment")).toBe(32);
  fleet.see([
    machine("old", 3, { codeVersion: "1" }),
    machine("new", 4, { codeVersion: "2", concurrency: 2 }),
    machine("unnamed", 5),
    machine("other", 7, { tasks: { decrement: { arity: 1 } }, codeVersion: "2" }),
  ]);
  expect(fleet.slots("increment")).toBe(16);
  expect(fleet.slots("increment", "1")).toBe(3);
  expect(fleet.slots("increment", "2")).toBe(8);
  expect(fleet.slots("increment", "3")).toBe(1);
  fleet.see([machine("new", 6, { codeVersion: "2" })]);
  expect(fleet.slots("increment", "2")).toBe(6);
  expect(fleet.slots("increment")).toBe(6);
});

test("of a batch task, as many small jobs run at a time as its function takes", () => {
  const fleet = new Fleet(async () => {});
  fleet.see([machine("a", 3, { tasks: { insert: { arity: 1, maxItems: 100 } } })]);
  expect(fleet.slots("insert")).toBe(300);
  expect(fleet.slots("insert", undefined, 30)).toBe(9);
  expect(fleet.slots("insert", undefined, 1_000)).toBe(3);
});
