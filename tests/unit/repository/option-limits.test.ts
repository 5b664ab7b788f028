/**
 * Each option that is a time or a size has an upper limit, and no time is longer than a timer can wait: `setTimeout` fires
 * at once if it is given more than 2³¹ − 1 ms, so that "thirty days" would mean "not at all".
 */

import { globSync, readFileSync } from "node:fs";

import { Pool, ThreadPool } from "@poolmq/producer";
import { defineTask, runWorker } from "@poolmq/worker";
import { describe, expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url);
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Times that no timer waits for. */
const WITHOUT_TIMER: ReadonlySet<string> = new Set(["signatureTtlMs"]);

const tasks = new URL("not-there.ts", import.meta.url);
const connection = "redis://127.0.0.1:1";

type Give = (options: object) => unknown;

const DOORS = {
  "Pool, of a fleet": (options) => new Pool({ connection, ...options }),
  "Pool, with processes": (options) => new Pool({ connection, tasks, processes: 1, ...options }),
  "Pool, with a call": async (options) => {
    const pool = new Pool({ connection });
    try {
      await pool.map("f", [1], options);
    } finally {
      await pool.terminate();
    }
  },
  "Pool, for stragglers": (options) => new Pool({ connection, speculate: options }),
  ThreadPool: (options) => new ThreadPool({ tasks, ...options }),
  runWorker: (options) => runWorker({ module: tasks, connection, ...options }),
  defineTask: (options) => defineTask(() => 1, options),
} satisfies Readonly<Record<string, Give>>;

/** Where each time and size can be given. */
const OPTIONS: Readonly<Record<string, readonly (keyof typeof DOORS)[]>> = {
  connectTimeoutMs: ["Pool, of a fleet", "runWorker"],
  keepMs: ["Pool, with a call"],
  killGraceMs: ["runWorker"],
  lockDurationMs: ["runWorker"],
  maxHeldBytes: ["runWorker"],
  maxMemoryPerChildMb: ["Pool, with processes", "runWorker"],
  maxMemoryPerThreadMb: ["ThreadPool"],
  maxOutcomeBytes: ["Pool, with processes", "ThreadPool", "runWorker"],
  maxPayloadBytes: ["Pool, of a fleet"],
  maxShareBytes: ["Pool, of a fleet"],
  minMs: ["Pool, for stragglers"],
  shutdownTimeoutMs: ["runWorker"],
  signatureTtlMs: ["Pool, of a fleet"],
  stalledIntervalMs: ["runWorker"],
  startTimeoutMs: ["Pool, with processes", "ThreadPool", "runWorker"],
  taskTimeoutMs: ["Pool, of a fleet", "Pool, with a call", "ThreadPool", "defineTask"],
};

async function refusal(door: keyof typeof DOORS, options: object): Promise<Error & { code?: string }> {
  try {
    await (DOORS[door] as Give)(options);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`Expected ${JSON.stringify(options)} to be refused by ${door}`);
}

test("every time and size among the options of the three packages is in this test", () => {
  const names = globSync("packages/*/src/{options/*,worker-options}.ts", { cwd: ROOT }).flatMap((file) =>
    [...readFileSync(new URL(file, ROOT), "utf8").matchAll(/readonly (\w+(?:Ms|Bytes|Mb))\?:/g)].map(
      ([, name = ""]) => name,
    ),
  );
  expect([...new Set(names)].toSorted()).toEqual(Object.keys(OPTIONS).toSorted());
});

describe.each(Object.entries(OPTIONS).flatMap(([name, doors]) => doors.map((door) => [name, door] as const)))(
  "%s of %s",
  (name, door) => {
    test("has an upper limit, which a timer can wait", async () => {
      const error = await refusal(door, { [name]: 2 ** 53 - 1 });
      expect(error).toMatchObject({ code: "INVALID_OPTION" });
      const [, max] =
        new RegExp(`[\`.]${name}\` to be (?:an integer from \\d+ to|at most) (\\d+)`).exec(error.message) ??
        [];
      expect(max, error.message).toBeDefined();
      if (name.endsWith("Ms") && !WITHOUT_TIMER.has(name)) {
        expect(Number(max)).toBeLessThanOrEqual(LONGEST_TIMER_MS);
      }
    });

    test.each([null, "5", NaN, -1, Infinity, {}])("is refused if it is %o", async (wrong) => {
      const error = await refusal(door, { [name]: wrong });
      expect(error).toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining(name) });
    });
  },
);

const TEN_YEARS_MS = 10 * 365 * 24 * 60 * 60_000;

test.each([
  ["a number", TEN_YEARS_MS],
  ["fixed", { type: "fixed", delayMs: TEN_YEARS_MS }],
  ["exponential", { type: "exponential", delayMs: TEN_YEARS_MS }],
])("a back-off of many years is refused: %s", async (_form, backoff) => {
  expect(await refusal("Pool, with a call", { backoff })).toMatchObject({ code: "INVALID_OPTION" });
});
