import { Slots } from "@poolmq/producer/internal";
import fc from "fast-check";
import { expect, test } from "vitest";

/** Consecutive items that ended together, in the order of the input; told in the order of `rank`. */
interface Group {
  readonly size: number;
  readonly rank: number;
  readonly fails: boolean;
}

const groups = fc.array(
  fc.record({
    size: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 60, max: 200 })),
    rank: fc.nat(),
    fails: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Tells a group; gives what its items came to. */
function tell(slots: Slots<number>, at: number, { size, fails }: Group): PromiseSettledResult<number>[] {
  const indices = Array.from({ length: size }, (_, offset) => at + offset);
  if (!fails) {
    slots.succeededAll(at, indices);
    return indices.map((value) => ({ status: "fulfilled", value }));
  }
  for (const index of indices) {
    if (index % 3 === 0) slots.failed(index, index);
    else slots.succeeded(index, index);
  }
  return indices.map((index) =>
    index % 3 === 0 ? { status: "rejected", reason: index } : { status: "fulfilled", value: index },
  );
}

function placed(list: readonly Group[]): { group: Group; at: number }[] {
  let at = 0;
  return list.map((group) => {
    const start = at;
    at += group.size;
    return { group, at: start };
  });
}

test("results are in input order, in whichever order and company they came, and whoever looks meanwhile", async () => {
  await fc.assert(
    fc.asyncProperty(groups, fc.boolean(), fc.integer({ min: -1, max: 2_400 }), async (list, looks, room) => {
      const slots = new Slots<number>();
      if (room >= 0) slots.expect(room);
      const all: PromiseSettledResult<number>[] = [];
      const seen: unknown[] = [];
      const look = async (): Promise<void> => {
        const results = slots.iterate();
        for (;;) {
          try {
            const { done, value } = await results.next();
            if (done === true) return;
            seen.push(value);
          } catch (error) {
            seen.push(error);
          }
        }
      };
      const looking = looks ? look() : undefined;
      for (const { group, at } of placed(list).toSorted((a, b) => a.group.rank - b.group.rank)) {
        for (const [offset, outcome] of tell(slots, at, group).entries()) all[at + offset] = outcome;
        if (looks) await Promise.resolve();
      }
      slots.ended({ total: all.length });
      expect(await slots.settled()).toEqual(all);
      const first = all.find((outcome) => outcome.status === "rejected");
      if (first === undefined) expect(await slots.results()).toEqual(all.map((_, index) => index));
      else await expect(slots.results()).rejects.toBe(first.reason);
      await (looking ?? look());
      expect(seen).toEqual(all.map((_, index) => index));
    }),
  );
});

test("items that never ended are told so, wherever they lie between the others", async () => {
  await fc.assert(
    fc.asyncProperty(groups, async (list) => {
      const slots = new Slots<number>();
      const expected: PromiseSettledResult<number>[] = [];
      const reason = new Error("cancelled");
      slots.expect(3_000);
      for (const { group, at } of placed(list).toSorted((a, b) => a.group.rank - b.group.rank)) {
        for (let index = at; index < at + group.size; index++)
          expected[index] = { status: "rejected", reason };
        if (group.rank % 2 === 0) continue;
        for (const [offset, outcome] of tell(slots, at, group).entries()) expected[at + offset] = outcome;
      }
      slots.ended({ error: reason, items: expected.length });
      expect(await slots.settled()).toEqual(expected);
    }),
  );
});

test("arrays as results stay results", async () => {
  const slots = new Slots<number[]>();
  const values = Array.from({ length: 100 }, (_, i) => [i, i]);
  slots.succeededAll(100, values);
  slots.succeededAll(0, values);
  slots.ended({ total: 200 });
  expect(await slots.results()).toEqual([...values, ...values]);
});
