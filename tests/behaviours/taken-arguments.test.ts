/** When arguments are taken: what changes later is not seen, at any chunksize. */

import type { Shared } from "@poolmq/producer";
import { describe, expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";

const NUMBERS = Array.from({ length: 60 }, (_, n) => n);

interface Row {
  n: number;
  readonly list: number[];
}

/** One and the same object, changed before each time that it is yielded. */
function* rows(): Generator<Row> {
  const row: Row = { n: 0, list: [0] };
  for (const n of NUMBERS) {
    row.n = row.list[0] = n;
    yield row;
  }
}

async function* slowRows(): AsyncGenerator<Row> {
  yield* rows();
}

onBothPools(({ shared }) => {
  describe.for([1, 4, "auto"] as const)("a generator, chunksize %s", (chunksize) => {
    const wanted = NUMBERS.map((n) => ({ n, list: [n] }));

    test("is taken as it yields", async () => {
      expect(await shared().map("echo", rows(), { chunksize })).toEqual(wanted);
      expect(await shared().map("echo", slowRows(), { chunksize })).toEqual(wanted);
    });

    test("gives tuples, bytes and handles of shared values as they are", async () => {
      const pool = shared();
      const model = await pool.share({ weights: [1, 2] });
      function* tuples(): Generator<[Shared<{ weights: number[] }>, number]> {
        const tuple: [Shared<{ weights: number[] }>, number] = [model, 0];
        for (tuple[1] of NUMBERS) yield tuple;
      }
      const seen = await pool.starmap("seesShared", tuples(), { chunksize });
      expect(seen.map(([index]) => index)).toEqual(NUMBERS);
      function* buffers(): Generator<Buffer> {
        const buffer = Buffer.alloc(3);
        for (const n of NUMBERS) yield buffer.fill(n);
      }
      const bytes = await pool.map("echo", buffers(), { chunksize });
      expect(bytes).toEqual(NUMBERS.map((n) => Buffer.alloc(3, n)));
    });

    test("has an item that can't be sent refused alone", async () => {
      function* items(): Generator<{ value: unknown }> {
        const item: { value: unknown } = { value: 0 };
        for (const n of NUMBERS) {
          item.value = n === 5 ? () => n : n;
          yield item;
        }
      }
      const refused: number[] = [];
      const call = shared().map("echo", items(), {
        chunksize,
        onError: (_, index) => void refused.push(index),
      });
      await expect(call).rejects.toMatchObject({ code: "SERIALIZATION" });
      expect(refused).toEqual([5]);
    });
  });

  test("a call takes its arguments when it is made", async () => {
    const buffer = new Uint8Array(1);
    const sent = { deep: new Map([["n", 0]]) };
    const calls = [0, 1, 2, 3].map((n) => {
      buffer[0] = n;
      sent.deep.set("n", n);
      return [shared().apply("echo", [buffer]), shared().apply("echoLater", [0, sent])] as const;
    });
    buffer[0] = 9;
    sent.deep.clear();
    for (const [n, [bytes, map]] of calls.entries()) {
      expect(await bytes).toEqual(new Uint8Array([n]));
      expect(await map).toEqual({ deep: new Map([["n", n]]) });
    }
  });
});
