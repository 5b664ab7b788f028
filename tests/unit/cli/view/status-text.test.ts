import { statusText } from "@poolmq/worker/internal";
import type { MachineView, QueueView } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

const REDIS = {
  product: "redis",
  version: "7.2.4",
  usedBytes: 1_234_567,
  maxBytes: 2 ** 30,
  clients: 1,
} as const;

const MACHINE: MachineView = {
  id: "m",
  host: "a-host-with-a-long-name.of.a.long.domain.example",
  pid: 12_345,
  version: "0.1.0",
  node: "22.0.0",
  codeVersion: null,
  silentMs: 0,
  processes: 1,
  concurrency: 1,
  tasks: {},
  unfit: null,
  waiting: null,
  children: null,
};

const VIEW: QueueView = {
  queue: "thumbnails",
  atMs: 0,
  paused: true,
  jobs: { waiting: 1_234, active: 5, delayed: 67, limited: 89 },
  redis: REDIS,
  maps: [],
  machines: [MACHINE],
  shards: [
    {
      address: "redis-1.example.com:6379",
      answers: true,
      jobs: { waiting: 1, active: 2, delayed: 0 },
      redis: REDIS,
    },
    { address: "redis-2.example.com:6379", answers: false, jobs: null, redis: null },
  ],
};

test("where nobody looks at a terminal, lines are whole", () => {
  expect(statusText(VIEW, Infinity).slice(0, 5)).toEqual([
    "thumbnails  redis 7.2.4 · 1.2 MiB of 1.0 GiB · 00:00:00 UTC",
    "paused: workers take no jobs until it is resumed",
    "jobs: 1,234 waiting, 5 active, 67 delayed, 89 limited",
    "  redis-1.example.com:6379: 1 waiting, 2 active, 1.2 MiB",
    "  redis-2.example.com:6379: does not answer",
  ]);
});

test("on a terminal of 40 columns, no line is longer, so that none wraps", () => {
  const lines = statusText(VIEW, 40);
  expect(lines.slice(0, 3)).toEqual([
    "thumbnails  redis 7.2.4 · 1.2 MiB of 1.…",
    "paused: workers take no jobs until it i…",
    "jobs: 1,234 waiting, 5 active, 67 delay…",
  ]);
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(40);
});

test("a queue with a name longer than the terminal is cut", () => {
  expect(statusText({ ...VIEW, queue: "a".repeat(50) }, 40)[0]).toBe(`${"a".repeat(39)}…`);
});
