import fc from "fast-check";
import { expect, test } from "vitest";

import { byHalves } from "../../../packages/worker/src/batch/by-halves.ts";

/** Calls a function that throws if a culprit is among its items. Gives the calls, and what became of each item. */
async function run(
  n: number,
  isCulprit: (item: number) => boolean,
): Promise<{ calls: (readonly number[])[]; fates: Map<number, boolean[]> }> {
  const calls: (readonly number[])[] = [];
  const fates = new Map<number, boolean[]>();
  await byHalves(
    Array.from({ length: n }, (_, i) => i),
    async (part) => {
      calls.push(part);
      const throws = part.some(isCulprit);
      if (throws && part.length > 1) return true;
      for (const item of part) fates.set(item, [...(fates.get(item) ?? []), !throws]);
      return false;
    },
  );
  return { calls, fates };
}

test("a call that does not throw is the only one", async () => {
  const { calls } = await run(9, () => false);
  expect(calls).toHaveLength(1);
  expect((await run(0, () => true)).calls).toEqual([]);
});

test("each item comes to one end: culprits alone are failed, whoever else they were with", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.uniqueArray(fc.nat(39)), async (n, culprits) => {
      const { calls, fates } = await run(n, (item) => culprits.includes(item));
      for (let item = 0; item < n; item++) expect(fates.get(item)).toEqual([!culprits.includes(item)]);
      expect(calls.length).toBeLessThan(2 * n);
    }),
  );
});

test("one culprit among 1,000 costs two calls for each halving", async () => {
  const { calls } = await run(1_000, (item) => item === 617);
  expect(calls.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(1_000)));
});
