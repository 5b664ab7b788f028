/** What comes in out of order, folded as it comes. */

import { ReduceSlot } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

type Text = (a: string, b: string) => string | Promise<string>;

function slotWith(reduce: Text, { ordered = true, initial = undefined as string | undefined } = {}) {
  const slot = new ReduceSlot<string>({
    call: "mapReduce",
    ordered,
    initial: initial === undefined ? undefined : { value: initial },
  });
  const cancelled: unknown[] = [];
  slot.begin(reduce, (error) => {
    cancelled.push(error);
    slot.ended({ error, items: 3 });
  });
  return { slot, cancelled };
}

test("with the order kept, only neighbours are folded, whatever comes in first", async () => {
  const calls: string[] = [];
  const { slot } = slotWith((a, b) => {
    calls.push(`${a}+${b}`);
    return a + b;
  });
  slot.succeededAll(3, ["d", "e"]);
  slot.succeeded(0, "a");
  expect(calls).toEqual(["d+e"]);
  slot.succeededAll(1, ["b", "c"]);
  expect(calls.slice(1)).toEqual(["a+b", "ab+c", "abc+de"]);
  slot.ended({ total: 5 });
  expect(await slot.value).toBe("abcde");
});

test("an initial value is folded once, before the first item", async () => {
  const { slot } = slotWith((a, b) => a + b, { initial: ">" });
  slot.succeeded(1, "b");
  slot.succeeded(0, "a");
  slot.ended({ total: 2 });
  expect(await slot.value).toBe(">ab");
});

test("without items, the initial value is the value, and without one there is none", async () => {
  const { slot } = slotWith((a, b) => a + b, { initial: ">" });
  slot.ended({ total: 0 });
  expect(await slot.value).toBe(">");
  const { slot: empty } = slotWith((a, b) => a + b);
  empty.ended({ total: 0 });
  await expect(empty.value).rejects.toMatchObject({ name: "EmptyInputError", code: "EMPTY_INPUT" });
});

test("while an async reducer is at work, what comes in waits for its turn", async () => {
  const turns: (() => void)[] = [];
  let atWork = 0;
  const { slot } = slotWith(async (a, b) => {
    expect(++atWork).toBe(1);
    await new Promise<void>((resolve) => turns.push(resolve));
    atWork--;
    return a + b;
  });
  slot.succeededAll(0, ["a", "b"]);
  slot.succeeded(3, "d");
  slot.succeeded(2, "c");
  slot.ended({ total: 4 });
  for (let turn = 0; turn < 3; turn++) {
    await expect.poll(() => turns.length).toBe(1);
    turns.pop()?.();
  }
  expect(await slot.value).toBe("abcd");
});

test.for([false, true])(
  "what the reducer throws ends the map and is its error (async: %s)",
  async (isAsync) => {
    const no = new Error("no");
    const { slot, cancelled } = slotWith(() => {
      if (!isAsync) throw no;
      return Promise.reject(no);
    });
    slot.succeededAll(0, ["a", "b"]);
    slot.succeeded(2, "c");
    await expect(slot.value).rejects.toBe(no);
    expect(cancelled).toEqual([no]);
  },
);

test("a map of which items failed has the error of the lowest index, and all of them in groups", async () => {
  const { slot } = slotWith((a, b) => a + b);
  slot.failed(2, new RangeError("2 is no"));
  slot.succeeded(0, "a");
  slot.failed(1, new RangeError("1 is no"));
  slot.ended({ total: 3 });
  await expect(slot.value).rejects.toThrow("1 is no");
  expect(await slot.failures()).toMatchObject([{ name: "RangeError", count: 2, indices: [1, 2] }]);
});
