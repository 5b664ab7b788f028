/** The results of a chunk, folded by the child that ran its items. */

import { encodeArguments } from "@poolmq/shared/internal";
import type { ItemOutcome } from "@poolmq/shared/internal";
import { defineTask } from "@poolmq/worker";
import { runChunk } from "@poolmq/worker/internal";
import { describe, expect, test } from "vitest";

import { chunkRun } from "../../support/chunk-run.ts";

type Task = (...args: unknown[]) => unknown;

const list = (x: unknown): unknown[] => [x];

/** Changes its first argument, as reducers may. */
const append = (a: unknown, b: unknown): unknown => {
  (a as unknown[]).push(...(b as unknown[]));
  return a;
};

function run(
  fn: Task,
  { reducer = append, n = 5, skip = [] as number[], reported = undefined as ItemOutcome[] | undefined } = {},
) {
  return runChunk(
    chunkRun({
      fn,
      reducer,
      at: 10,
      n,
      args: encodeArguments(
        "one",
        Array.from({ length: n }, (_, i) => i),
        {},
      ),
      skip: new Set(skip),
    }),
    reported === undefined
      ? undefined
      : { started: () => {}, ended: (offset, outcome) => void (reported[offset] = outcome) },
  );
}

/** What became of the items: a value, `"folded"`, or the message of an error. */
function read(text: string): unknown[] {
  return (JSON.parse(text.slice(1)) as ItemOutcome[]).map((outcome) => {
    if (outcome.s !== "ok")
      return /"message":"(.*?)"/.exec(JSON.stringify(outcome).replaceAll("\\", ""))?.[1];
    return outcome.folded === true ? "folded" : (JSON.parse(outcome.value) as unknown);
  });
}

test.for([
  ["sync", list, append],
  ["an async task", async (x: unknown) => list(x), append],
  ["an async reducer", list, async (a: unknown, b: unknown) => append(a, b)],
] as const)("results that all came in are one value: %s", async ([, fn, reducer]) => {
  for (const n of [2, 5, 40]) {
    const { text, retriable } = await run(fn, { reducer, n });
    expect(text).toBe(`=[[${Array.from({ length: n }, (_, i) => i).join(",")}]]`);
    expect(retriable).toBe(0);
  }
});

test("a chunk of one item, and one of which items have ended before, are sent as they are", async () => {
  expect((await run(list, { n: 1 })).text).toBe("=[[0]]");
  expect((await run(list, { skip: [0, 2] })).text).toBe("=[[1],[3],[4]]");
});

describe("an item that fails", () => {
  const failing: Task = (x) => {
    if (x === 2) throw new Error("no");
    return [x];
  };

  test("parts its neighbours, so that another attempt can still be put between them", async () => {
    const { text, retriable } = await run(failing);
    expect(read(text)).toEqual([[0, 1], "folded", "no", [3, 4], "folded"]);
    expect(retriable).toBe(1);
  });

  test("is tried again or not as its definition says", async () => {
    const { retriable } = await run(defineTask(failing, { retryIf: () => false }));
    expect(retriable).toBe(0);
  });
});

test.for([false, true])(
  "a reducer that throws fails all items whose results it held (async: %s)",
  async (late) => {
    const reducer: Task = (a, b) => {
      append(a, b);
      if ((b as number[])[0] !== 2) return a;
      if (late) return Promise.reject(new Error("no"));
      throw new Error("no");
    };
    const { text, retriable } = await run(list, { reducer });
    expect(read(text)).toEqual(["no", "no", "no", [3, 4], "folded"]);
    expect(retriable).toBe(3);
  },
);

test("a value that can't be sent is the error of its first item", async () => {
  const { text } = await run(list, { reducer: () => () => {} });
  expect(read(text)).toEqual([expect.stringContaining("function"), "folded", "folded", "folded", "folded"]);
});

describe("where each item is reported", () => {
  test("it is reported as it was before it was folded, and the whole is sent at the end", async () => {
    const reported: ItemOutcome[] = [];
    const { text } = await run(list, { reported });
    expect(reported).toEqual([0, 1, 2, 3, 4].map((x) => ({ s: "ok", value: `[${x}]` })));
    expect(text).toBe("=[[0,1,2,3,4]]");
  });

  test("nothing else is sent if one of them failed", async () => {
    const reported: ItemOutcome[] = [];
    const fails: Task = (x) => {
      if (x === 4) throw new Error("no");
      return [x];
    };
    const { text, retriable } = await run(fails, { reported });
    expect(text).toBe("");
    expect(retriable).toBe(1);
    expect(reported.map(({ s }) => s)).toEqual(["ok", "ok", "ok", "ok", "threw"]);
  });
});
