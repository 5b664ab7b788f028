import { decide } from "@poolmq/producer/internal";
import type { GatherScripts, Reconciled } from "@poolmq/shared/redis";
import { describe, expect, test } from "vitest";

import type { Gathered } from "../../../../packages/producer/src/gather/kinds/map-kind.ts";
import { findLost } from "../../../../packages/producer/src/gather/kinds/reconcile.ts";
import type { Chunk } from "../../../../packages/producer/src/input/chunk.ts";

const FOUND = { existed: true, missing: [], decided: [], lastEntry: "" };

test("a chunk with neither job nor outcome is missing", () => {
  expect(decide({ ...FOUND, missing: [3, 7] }, "5-0")).toEqual({
    missing: [3, 7],
    undelivered: [],
    beginsAnew: false,
  });
});

test.for([
  ["the stream is empty", ""],
  ["the last entry was read", "5-0"],
  ["the last entry was read long ago", "4-9"],
] as const)("the outcome of a decided chunk is gone if %s", ([, lastEntry]) => {
  expect(decide({ ...FOUND, decided: [2], lastEntry }, "5-0").undelivered).toEqual([2]);
});

test.for(["5-1", "6-0", "10-0"])(
  "the outcome of a decided chunk is still to be read while entry %s comes after what was read",
  (lastEntry) => {
    expect(decide({ ...FOUND, decided: [2], lastEntry }, "5-0").undelivered).toEqual([]);
  },
);

test("a map whose keys were gone begins anew", () => {
  expect(decide({ ...FOUND, existed: false, missing: [0] }, "5-0")).toEqual({
    missing: [0],
    undelivered: [],
    beginsAnew: true,
  });
});

test("on a stream that is never read to its end, what was decided long ago is gone", () => {
  const suspects = { indices: new Set([2]), lastEntry: "4-0" };
  expect(decide({ ...FOUND, decided: [2, 3], lastEntry: "6-0" }, "5-0", suspects).undelivered).toEqual([2]);
});

test("what was decided behind an entry that was not read yet may still come", () => {
  const suspects = { indices: new Set([2]), lastEntry: "5-1" };
  expect(decide({ ...FOUND, decided: [2, 3], lastEntry: "6-0" }, "5-0", suspects).undelivered).toEqual([]);
});

describe("what Redis says of chunks that may be lost", () => {
  const chunks = [0, 1, 2].map((at): Chunk => ({ at, n: 1, args: "[]" as Chunk["args"], shares: [] }));

  /** Looks for the chunks, and notes what is done, in order. */
  async function looked(
    found: Partial<Reconciled>,
    change: { ended?: boolean; suspects?: Gathered["suspects"] } = {},
  ): Promise<{ readonly done: string[]; readonly lost: number[]; readonly gathered: Gathered }> {
    const done: string[] = [];
    const gathered = {
      map: {
        id: "m",
        ended: change.ended ?? false,
        chunks: (indices: readonly number[]) => indices.flatMap((at) => chunks[at] ?? []),
      },
      cursor: "5-0",
      suspects: change.suspects,
      opened: Promise.resolve(),
      reopen: () => void done.push("reopen"),
    } as unknown as Gathered;
    const scripts = {
      reconcile: () => Promise.resolve({ ...FOUND, ...found }),
      forget: (_: string, indices: number[]) => Promise.resolve(void done.push(`forget ${indices.join()}`)),
    } as unknown as GatherScripts;
    const lost = (await findLost(gathered, chunks, scripts)).map(({ at }) => at);
    return { done, lost, gathered };
  }

  test("the bits of outcomes that are gone are cleared before their chunks are enqueued: else no outcome would count", async () => {
    const { done, lost, gathered } = await looked({ missing: [1], decided: [2], lastEntry: "5-0" });
    expect(done).toEqual(["reopen", "forget 2"]);
    expect(lost).toEqual([1, 2]);
    // Its next outcome is not taken for one that is overdue.
    expect(gathered.suspects?.indices).toEqual(new Set());
  });

  test("the stream of a map that was gone is read from its beginning", async () => {
    const { lost, gathered } = await looked({ existed: false, missing: [0, 1, 2] });
    expect(lost).toEqual([0, 1, 2]);
    expect(gathered.cursor).toBe("0-0");
  });

  test("a map that has ended meanwhile is not opened again", async () => {
    expect(await looked({ missing: [0] }, { ended: true })).toMatchObject({ done: [], lost: [] });
  });
});
