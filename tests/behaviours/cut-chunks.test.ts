import { describe, expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { Marks } from "../support/stage.ts";

const COUNT = 100;

const items = ({ log }: Marks, ms: number): { log: string; x: number; ms: number }[] =>
  Array.from({ length: COUNT }, (_, x) => ({ log, x, ms }));

const doubled = Array.from({ length: COUNT }, (_, x) => x * 2);

/** The items that ran, in their order. */
const ran = ({ lines }: Marks): number[] => lines.map(Number).toSorted((a, b) => a - b);

onBothPools(({ own }) => {
  describe("a chunk of slow items is shared with workers that have nothing to do", () => {
    test("whether the function waits or blocks its thread; each item runs once", async () => {
      const pool = own({ workers: 4 });
      await pool.ready(4);
      for (const blocks of [false, true]) {
        const marks = new Marks();
        const told: number[] = [];
        const slow = items(marks, 15).map((item) => ({ ...item, blocks }));
        const call = pool.map("takesLong", slow, {
          chunksize: COUNT,
          onResult: (_, index) => told.push(index),
        });
        expect(await call).toEqual(doubled);
        expect(ran(marks)).toEqual([...Array(COUNT).keys()]);
        expect(told.toSorted((a, b) => a - b)).toEqual([...Array(COUNT).keys()]);
        const { processes, chunks, items: settled, losses, retries } = call.insights();
        expect(processes.length).toBeGreaterThan(1);
        expect(processes.reduce((sum, { items: n }) => sum + n, 0)).toBe(COUNT);
        expect({ settled, losses, retries }).toEqual({ settled: COUNT, losses: 0, retries: 0 });
        expect(chunks.largest).toBeLessThan(COUNT);
        expect(call.progress).toMatchObject({ total: COUNT, done: COUNT, failed: 0, running: 0 });
      }
    });

    test("with shared values and large buffers among the arguments, as a stream in input order", async () => {
      const pool = own({ workers: 3 });
      await pool.ready(3);
      const model = await pool.share({ weights: [1, 2] });
      // Longer than the time after which a chunk is asked again that had not begun when it was asked first.
      const tuples = Array.from({ length: 120 }, (_, x) => [model, Buffer.alloc(20_000, x), x] as const);
      const results: number[] = [];
      const stream = pool.istarmap("sumSlowly", tuples, { chunksize: 120 });
      for await (const result of stream) results.push(result);
      expect(results).toEqual(tuples.map((_, x) => 3 + 20_000 + 2 * x));
      expect(stream.insights().chunks.jobs).toBeGreaterThan(1);
      expect(stream.insights().items).toBe(120);
    });

    test("and errors, attempts and time limits stay those of each item", async () => {
      const marks = new Marks();
      const pool = own({ workers: 3 });
      await pool.ready(3);
      const call = pool.map("takesLongAndThrows", items(marks, 5), {
        chunksize: COUNT,
        attempts: 2,
        taskTimeoutMs: 20_000,
      });
      expect(await call).toEqual(doubled);
      const twice = [...Array(COUNT).keys()].flatMap((x) => (x % 2 === 1 ? [x, x] : [x]));
      expect(ran(marks)).toEqual(twice);
      expect(call.insights().processes.length).toBeGreaterThan(1);
    });
  });
});
