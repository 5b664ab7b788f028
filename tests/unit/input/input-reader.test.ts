import { InputReader, singles } from "@poolmq/producer/internal";
import { describe, expect, test } from "vitest";

const AT_ONCE = { wait: true, whole: false };

/** Reads an input to its end, in pieces. */
async function readAll(input: unknown, piece = 3): Promise<{ items: unknown[]; end: InputReader["end"] }> {
  const reader = new InputReader(singles("map", input).source);
  const items: unknown[] = [];
  while (reader.end === undefined) items.push(...(await reader.read(piece, AT_ONCE)));
  return { items, end: reader.end };
}

/** Inputs, each made anew, that behave as their iterators do. */
const INPUTS: Readonly<Record<string, () => Iterable<unknown>>> = {
  "an array": () => [1, 2, 3, 4, 5, 6, 7],
  "an empty array": () => [],
  "an array with holes": () => Object.assign(Array.from({ length: 0 }), { 2: "c", 4: "e" }),
  "an array with a getter": () => Object.defineProperty([1, 2, 3, 4], 2, { get: () => "got" }),
  "an array of another class": () => new (class extends Array<number> {})(4).fill(7),
  "an array of a class that iterates otherwise": () =>
    new (class extends Array<number> {
      override *[Symbol.iterator](): ArrayIterator<number> {
        yield 42;
      }
    })(4).fill(7),
  "an array with an iterator of its own": () =>
    Object.assign([1, 2, 3], { [Symbol.iterator]: () => ["other"].values() }),
  "a proxy of an array": () =>
    new Proxy([1, 2, 3, 4], {
      get: (array, key): unknown => (key === "1" ? "seen" : Reflect.get(array, key)),
    }),
  "a typed array": () => new Uint8Array([1, 2, 3, 4]),
  "a set": () => new Set([1, 2, 3, 4]),
  "a string": () => "héllo",
  "a generator": () => generated(),
};

function* generated(): Generator<number> {
  for (let i = 0; i < 7; i++) yield i;
}

describe.for(Object.entries(INPUTS))("%s", ([, make]) => {
  test("is read as its iterator gives it", async () => {
    expect(await readAll(make())).toEqual({ items: [...make()], end: "done" });
  });
});

test("an array is read as it is when its turn comes", async () => {
  const array = [1, 2, 3, 4];
  const reader = new InputReader(singles("map", array).source);
  expect(await reader.read(2, AT_ONCE)).toEqual([1, 2]);
  array[2] = 30;
  array.push(5);
  expect(await reader.read(9, AT_ONCE)).toEqual([30, 4, 5]);
  expect(reader.end).toBe("done");
});

test("a getter of an array that throws ends the input after the items before it", async () => {
  let reads = 0;
  const array = Array.from({ length: 9 }, (_, i) => i);
  Object.defineProperty(array, 1, { get: () => `read ${++reads}` });
  Object.defineProperty(array, 5, {
    get: () => {
      throw new RangeError("five");
    },
  });
  const { items, end } = await readAll(array, 4);
  expect(items).toEqual([0, "read 1", 2, 3, 4]);
  expect(end).toEqual({ error: new RangeError("five") });
});

test("an input that is not read to its end is told so once", async () => {
  let returned = 0;
  const iterator = {
    next: () => ({ done: false, value: 1 }),
    return: () => ({ done: true, value: ++returned }),
  };
  const reader = new InputReader(singles("map", { [Symbol.iterator]: () => iterator }).source);
  expect(await reader.read(2, AT_ONCE)).toEqual([1, 1]);
  reader.close();
  reader.close();
  expect(returned).toBe(1);
});
