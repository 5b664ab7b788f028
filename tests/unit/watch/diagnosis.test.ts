import { diagnose } from "@poolmq/worker/internal";
import type { MachineView, QueueView } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

const MACHINE: MachineView = {
  id: "a-1",
  host: "a",
  pid: 1,
  version: "1.0.0",
  node: "24",
  codeVersion: null,
  silentMs: 100,
  processes: 2,
  concurrency: 1,
  tasks: { increment: { arity: 1 } },
  unfit: null,
  waiting: 0,
  children: [],
};

const WELL: QueueView = {
  queue: "q",
  atMs: 0,
  paused: false,
  jobs: { waiting: 3, active: 2, delayed: 0 },
  redis: { product: "redis", version: "7.0.15", usedBytes: 100, maxBytes: 1_000, clients: 3 },
  maps: [],
  machines: [MACHINE, { ...MACHINE, id: "b-1", host: "b" }],
};

const MEASURED = { pingMs: 0.3, clockMs: 5, orphaned: new Map<string, number>() };

test("a queue that is well has nothing that is to be done", () => {
  const findings = diagnose(WELL, MEASURED);
  expect(new Set(findings.map(({ level }) => level))).toEqual(new Set(["ok"]));
  expect(findings.map(({ about }) => about)).toEqual([
    "redis",
    "memory",
    "latency",
    "clock",
    "queue",
    "workers",
    "functions",
  ]);
});

const [first = MACHINE] = WELL.machines;

test.for<[string, Partial<QueueView>, Partial<typeof MEASURED>, string, RegExp]>([
  [
    "a Redis that is nearly full",
    { redis: { ...WELL.redis, usedBytes: 850 } },
    {},
    "warn",
    /85 % of maxmemory/,
  ],
  ["a full Redis", { redis: { ...WELL.redis, usedBytes: 1_000 } }, {}, "bad", /100 % of maxmemory/],
  ["a slow Redis", {}, { pingMs: 40 }, "warn", /PING takes 40\.0 ms/],
  ["a clock that goes wrong", {}, { clockMs: -61_000 }, "warn", /61\.0 s behind/],
  ["a paused queue", { paused: true }, {}, "bad", /is paused, and 3 jobs wait/],
  ["no workers", { machines: [] }, {}, "bad", /no worker machine is alive/],
  [
    "jobs that wait for nobody",
    {},
    { orphaned: new Map([["m", 7]]) },
    "warn",
    /^7 jobs of 1 map wait for nobody/,
  ],
  [
    "a silent machine",
    { machines: [{ ...first, silentMs: 4_000 }] },
    {},
    "warn",
    /a-1 has sent no sign of life for 4\.0 s/,
  ],
  [
    "a module that does not load",
    { machines: [{ ...first, unfit: { module: "t.ts", phase: "load", reason: "broken" } }] },
    {},
    "bad",
    /a-1 can't run anything \(load of t\.ts\): broken/,
  ],
  [
    "a function that a machine lacks",
    { machines: [first, { ...first, id: "b-1", tasks: {} }] },
    {},
    "bad",
    /increment is missing on b-1/,
  ],
  [
    "functions that differ",
    { machines: [first, { ...first, id: "b-1", tasks: { increment: { arity: 2 } } }] },
    {},
    "warn",
    /increment is defined in 2 ways/,
  ],
  ["two versions", { machines: [first, { ...first, version: "2.0.0" }] }, {}, "warn", /1\.0\.0 and 2\.0\.0/],
  [
    "two versions of the tasks' code",
    {
      machines: [
        { ...first, codeVersion: "b2" },
        { ...first, id: "b-1", codeVersion: "a1" },
      ],
    },
    {},
    "warn",
    /a1 on b-1; b2 on a-1/,
  ],
])("%s is found, with what to do", ([, view, measured, level, text]) => {
  const found = diagnose({ ...WELL, ...view }, { ...MEASURED, ...measured }).filter(
    (it) => it.level !== "ok",
  );
  expect(found).toMatchObject([{ level, text: expect.stringMatching(text) as string }]);
  expect(found[0]?.advice).toBeTypeOf("string");
});
