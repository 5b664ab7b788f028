import { isDeepStrictEqual } from "node:util";

import fc from "fast-check";
import { expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { cloneable } from "../support/cloneable.ts";
import { rejection } from "../support/stage.ts";

/** Values in one map: many, because a map costs more than a value. */
const VALUES = 150;
/** Maps. A failure prints its seed, with which it comes again. */
const RUNS = 4;

const values = fc.array(cloneable, { minLength: VALUES, maxLength: VALUES });

onBothPools(({ shared }) => {
  test("whatever structured clone carries comes back equal, as argument and as result", async () => {
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom(1, 7, VALUES), async (items, chunksize) => {
        const results = await shared().map("echo", items, { chunksize });
        expectSame(results, items.map(cloned));
      }),
      { numRuns: RUNS },
    );
  });

  test("whatever structured clone carries comes back equal, as property of an error and thrown itself", async () => {
    await fc.assert(
      fc.asyncProperty(values, async (items) => {
        const carried = await shared().map("throwWith", items, { chunksize: 7 }).settled();
        expectSame(
          carried.map(
            (outcome) => outcome.status === "rejected" && (outcome.reason as { value: unknown }).value,
          ),
          items.map(cloned),
        );
        const thrown = await shared().map("throwIt", items, { chunksize: 7 }).settled();
        expectSame(
          thrown.map((outcome) => outcome.status === "rejected" && bare(outcome.reason)),
          items.map(cloned).map(bare),
        );
      }),
      { numRuns: RUNS },
    );
  });

  test("an object that is met twice comes back as one, and a cycle as a cycle", async () => {
    const twice = { x: 1 };
    const cycle: Record<string, unknown> = { list: [twice, twice] };
    cycle["self"] = cycle;
    const [back] = (await shared().map("echo", [cycle])) as [typeof cycle];
    expect(back["self"]).toBe(back);
    const [first, second] = back["list"] as object[];
    expect(first).toBe(second);
    expect(first).toEqual(twice);
  });

  test("a value of some megabytes comes back equal", async () => {
    const bytes = new Uint8Array(2_000_000).map((_, index) => index * 31);
    const text = "ünïcödé\t\n\u2028".repeat(200_000);
    const [back] = await shared().map("echo", [{ bytes, text }]);
    expect(isDeepStrictEqual(back, { bytes, text })).toBe(true);
  });

  test("a value that is nested too deep is its item's error", async () => {
    let deep: unknown[] = [];
    for (let level = 0; level < 5_000; level++) deep = [deep];
    expect(await rejection(shared().map("echo", [deep]))).toMatchObject({ code: "LIMIT_EXCEEDED" });
  });
});

/** What structured clone makes of a value. */
const cloned = (value: unknown): unknown => structuredClone(value);

/** An error that was thrown also says where; that is compared elsewhere. */
function bare(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, cause } = value;
  return { name, message, cause };
}

function expectSame(got: readonly unknown[], expected: readonly unknown[]): void {
  expect(got).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) {
    // Vitest's equality is slow on thousands of values; it is for showing what differs.
    if (!isDeepStrictEqual(got[index], value)) expect(got[index]).toStrictEqual(value);
  }
}
