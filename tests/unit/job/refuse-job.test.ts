import { WIRE_VERSION } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

import { refuseJob } from "../../../packages/worker/src/job/refuse-job.ts";

type Context = Parameters<typeof refuseJob>[0];
type Machine = Awaited<ReturnType<Context["fleet"]["remembered"]>>[number];

const DATA = { v: WIRE_VERSION, map: "m", at: 0, n: 1, args: "[[]]" };
const HAND = { job: { name: "add", stalledCounter: 0 }, data: DATA };

/** A machine that has the function `add`, beside others. */
function machine(others: Record<string, string[]> = {}, believed?: string, codeVersion?: string): Context {
  const live = Object.entries(others).map(([id, names]) => ({
    id,
    codeVersion: `version-of-${id}`,
    tasks: Object.fromEntries(names.map((name) => [name, { arity: 1 }])),
  }));
  return {
    machine: { tasks: { add: { arity: 2 } }, codeVersion },
    fleet: { remembered: async () => await Promise.resolve(live as unknown as Machine[]) },
    seals: { believes: ({ id }) => believed === undefined || id === believed },
  };
}

test("a job whose function is registered here is not refused", async () => {
  expect(await refuseJob(machine(), HAND)).toBeUndefined();
});

test("a job of another wire version fails with both versions", async () => {
  const failure = { code: "WIRE_VERSION", expected: WIRE_VERSION, got: 999 };
  expect(await refuseJob(machine(), { ...HAND, data: { ...DATA, v: 999 } })).toEqual(failure);
});

test("a job that ten machines had when they vanished is given up", async () => {
  const job = (stalledCounter: number) => ({ ...HAND, job: { name: "add", stalledCounter } });
  expect(await refuseJob(machine(), job(9))).toBeUndefined();
  expect(await refuseJob(machine(), job(10))).toMatchObject({ code: "WORKER_LOST", losses: 10 });
});

test("a job whose function another machine has goes to that one", async () => {
  const hand = { ...HAND, job: { name: "resize", stalledCounter: 0 } };
  expect(await refuseJob(machine({ other: ["resize"] }), hand)).toBe("elsewhere");
});

test("a job whose function no machine has fails, and names the functions that there are", async () => {
  const hand = { ...HAND, job: { name: "resize", stalledCounter: 0 } };
  const known = ["add", "blur", "crop"];
  expect(await refuseJob(machine({ a: ["crop"], b: ["blur", "add"] }), hand)).toEqual({
    code: "TASK_NOT_REGISTERED",
    known,
  });
});

test("a machine that is not believed has no functions", async () => {
  const hand = { ...HAND, job: { name: "resize", stalledCounter: 0 } };
  const failure = { code: "TASK_NOT_REGISTERED", known: ["add"] };
  expect(await refuseJob(machine({ forged: ["resize"] }, "genuine"), hand)).toEqual(failure);
});

test("a job that asks for a version of the code runs on machines that have it, and fails if none has", async () => {
  const hand = { ...HAND, data: { ...DATA, codeVersion: "version-of-b" } };
  expect(await refuseJob(machine({}, undefined, "version-of-b"), hand)).toBeUndefined();
  const here = machine({ a: ["add"], b: ["add"] }, undefined, "version-of-c");
  expect(await refuseJob(here, hand)).toBe("elsewhere");
  const failure = { code: "CODE_VERSION", asked: "version-of-b" };
  const other = machine({ a: ["add"] }, undefined, "version-of-c");
  expect(await refuseJob(other, hand)).toEqual({ ...failure, known: ["version-of-a", "version-of-c"] });
  // It has the version, and not the function.
  const without = machine({ b: ["crop"] });
  expect(await refuseJob(without, hand)).toEqual({ ...failure, known: ["version-of-b"] });
  const forged = machine({ b: ["add"] }, "nobody");
  expect(await refuseJob(forged, hand)).toEqual({ ...failure, known: [] });
});
