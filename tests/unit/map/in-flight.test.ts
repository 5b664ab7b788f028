import { InFlight } from "@poolmq/producer/internal";
import type { Chunk } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

const WINDOW = { jobs: 3, bytes: 100, items: 10 };

function chunk(at: number, n: number, args = "[]"): Chunk {
  return { at, n, args, shares: [] };
}

test("what is under way and what nobody has read yet take up places", () => {
  const inFlight = new InFlight(WINDOW);
  inFlight.add(chunk(0, 2));
  inFlight.add(chunk(2, 3));
  expect(inFlight.places).toBe(5);
  inFlight.take(0);
  inFlight.keep(2);
  expect(inFlight.places).toBe(5);
  inFlight.handOn();
  expect(inFlight.places).toBe(6);
});

test("no more is read while as many jobs, or bytes, are under way as may be", () => {
  const jobs = new InFlight(WINDOW);
  for (const at of [0, 1, 2]) jobs.add(chunk(at, 1));
  expect([jobs.places, jobs.isFull]).toEqual([0, true]);
  const bytes = new InFlight(WINDOW);
  bytes.add({ ...chunk(0, 1), bytes: Buffer.alloc(100) });
  expect(bytes.places).toBe(0);
});

test("a chunk that is larger than the window goes if nothing else is under way", () => {
  expect(new InFlight({ ...WINDOW, bytes: 0, jobs: 0 }).places).toBe(10);
});

test("a chunk is taken once", () => {
  const inFlight = new InFlight(WINDOW);
  inFlight.add(chunk(4, 2));
  expect(inFlight.take(4)?.n).toBe(2);
  expect(inFlight.take(4)).toBeUndefined();
  expect(inFlight.items).toBe(0);
});

test("reading waits for the places of a chunk, and for no more than a quarter of the window", () => {
  const inFlight = new InFlight({ ...WINDOW, items: 100 });
  expect([1, 20, 50].map((size) => inFlight.worthReading(size))).toEqual([1, 20, 25]);
  expect(new InFlight({ ...WINDOW, items: Infinity }).worthReading(50)).toBe(1);
});
