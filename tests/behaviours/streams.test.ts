import { describe, expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { collect } from "../support/collect.ts";
import { Marks, rejection } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Counts from 0, endlessly, and tells how far it was read and whether it was told that this was all. */
class Counter implements Iterable<number> {
  read = 0;
  closed = false;

  *[Symbol.iterator](): Generator<number> {
    try {
      for (;;) yield this.read++;
    } finally {
      this.closed = true;
    }
  }
}

/** Waits for some turns of the event loop, in which whoever wants to go on would. */
async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

onBothPools(({ shared, own }) => {
  test("imap gives the results in input order", async () => {
    const items = Array.from({ length: 30 }, (_, index) => [(index * 7) % 5, index] as const);
    const results = await collect(shared().istarmap("echoLater", items));
    expect(results).toEqual(items.map(([, index]) => index));
    expect(await collect(shared().imap("increment", [1, 2, 3]))).toEqual([2, 3, 4]);
  });

  test("imapUnordered gives the results as they finish", async () => {
    // Both workers are up. One that comes later would take the third item while the first keeps the second waiting.
    const up = new Marks();
    const warm = shared().map(
      "gated",
      [up, up].map(({ log, gate }) => ({ log, gate })),
    );
    await up.started(2);
    up.open();
    await warm;
    const marks = new Marks();
    const { log, gate } = marks;
    // The first item ends last: only then does the gate open.
    const items = [
      { log, gate, say: "last" },
      { log, gate: log, say: "first" },
      { log, gate: log, say: "second" },
    ];
    const stream = shared().imapUnordered("gated", items);
    expect((await stream.next()).value).toBe("first");
    expect((await stream.next()).value).toBe("second");
    marks.open();
    expect((await stream.next()).value).toBe("last");
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    const sums = await collect(
      shared().istarmapUnordered("add", [
        [1, 2],
        [3, 4],
      ]),
    );
    expect(new Set(sums)).toEqual(new Set([3, 7]));
  });

  describe("buffersize", () => {
    test("is how many items are read ahead of the reader, and not one more", async () => {
      const input = new Counter();
      const stream = shared().imap("increment", input, { buffersize: 5 });
      await until(() => stream.progress.done === 5, { what: "the buffer to fill" });
      await turns();
      expect(input.read).toBe(5);
      for (const reads of [1, 2, 3]) {
        expect((await stream.next()).value).toBe(reads);
        await until(() => stream.progress.done === 5 + reads, { what: "one more item" });
        await turns();
        expect(input.read).toBe(5 + reads);
      }
      await stream.return();
      expect(input.closed).toBe(true);
    });

    test("counts items in flight", async () => {
      const marks = new Marks();
      let read = 0;
      function* input(): Generator<{ log: string; gate: string }> {
        for (; ; read++) yield { log: marks.log, gate: marks.gate };
      }
      await using stream = shared().imapUnordered("gated", input(), { buffersize: 3 });
      await marks.started(2);
      await turns();
      expect(read).toBe(2); // the third was handed out, and its successor not asked for
      marks.open();
      expect((await stream.next()).value).toBe("started");
    });

    test("holds for chunks too, which are cut to fit", async () => {
      const input = new Counter();
      await using stream = shared().imap("increment", input, { buffersize: 5, chunksize: 4 });
      await until(() => stream.progress.done === 5, { what: "the buffer to fill" });
      await turns();
      expect(input.read).toBe(5);
      for (const expected of [1, 2, 3, 4, 5, 6, 7]) expect((await stream.next()).value).toBe(expected);
    });

    test("of one goes from item to item", async () => {
      const stream = shared().imap("increment", [1, 2, 3], { buffersize: 1 });
      expect(await collect(stream)).toEqual([2, 3, 4]);
    });
  });

  test("a slow async input does not hold up the items that it gave", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    async function* input(): AsyncGenerator<number> {
      yield 1;
      yield 2;
      await promise;
      yield 3;
    }
    const stream = shared().imap("increment", input(), { chunksize: 10 });
    expect((await stream.next()).value).toBe(2);
    expect((await stream.next()).value).toBe(3);
    resolve();
    expect((await stream.next()).value).toBe(4);
    expect((await stream.next()).done).toBe(true);
  });

  test("next({ timeoutMs }) rejects in time, loses nothing, and can be asked again", async () => {
    const marks = new Marks();
    const stream = shared().imap("gated", [{ log: marks.log, gate: marks.gate, say: "a" }]);
    expect(await rejection(stream.next({ timeoutMs: 5 }))).toMatchObject({ code: "GET_TIMEOUT" });
    expect(await rejection(stream.next({ timeoutMs: 0 }))).toMatchObject({ code: "GET_TIMEOUT" });
    expect(await rejection(stream.next({ timeoutMs: -1 }))).toMatchObject({ code: "INVALID_OPTION" });
    marks.open();
    expect(await stream.next({ timeoutMs: 10_000 })).toEqual({ done: false, value: "a" });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test("next() may be called several times at once", async () => {
    const stream = shared().imap("increment", [1, 2]);
    const asked = await Promise.all([stream.next(), stream.next(), stream.next()]);
    expect(asked.map(({ value }) => value)).toEqual([2, 3, undefined]);
  });

  describe("errors", () => {
    test("reject in their item's turn, and the stream goes on after them", async () => {
      const stream = shared().imap("evenOnly", [0, 1, 2, 3, 4], { chunksize: 2 });
      expect(await stream.next()).toEqual({ done: false, value: 0 });
      expect(await rejection(stream.next())).toMatchObject({ name: "OddError", remote: { index: 1 } });
      expect(await stream.next()).toEqual({ done: false, value: 2 });
      expect(await rejection(stream.next())).toMatchObject({ name: "OddError", remote: { index: 3 } });
      expect(await stream.next()).toEqual({ done: false, value: 4 });
      expect(await stream.next()).toEqual({ done: true, value: undefined });
      expect(stream.progress).toMatchObject({ total: 5, done: 5, failed: 2, running: 0 });
    });

    test("are outcomes among others in settled()", async () => {
      const stream = shared().imap("evenOnly", [0, 1, 2]);
      expect(await collect(stream.settled())).toEqual([
        { status: "fulfilled", value: 0 },
        { status: "rejected", reason: expect.objectContaining({ x: 1 }) },
        { status: "fulfilled", value: 2 },
      ]);
    });

    test("of the input come after the results of the items before it", async () => {
      const error = new Error("the disk is gone");
      const stream = shared().imap(
        "increment",
        (function* () {
          yield 1;
          yield 2;
          throw error;
        })(),
      );
      expect((await stream.next()).value).toBe(2);
      expect((await stream.next()).value).toBe(3);
      expect(await rejection(stream.next())).toBe(error);
      expect(await stream.next()).toEqual({ done: true, value: undefined });
    });
  });

  describe("leaving a stream", () => {
    test("return() cancels what has not ended: what runs sees its signal, the input is told", async () => {
      const marks = new Marks();
      let closed = false;
      function* input(): Generator<string> {
        try {
          for (;;) yield marks.log;
        } finally {
          closed = true;
        }
      }
      const stream = own().imap("heedsItsSignal", input(), { buffersize: 2 });
      await marks.started(1);
      expect(await stream.return()).toEqual({ done: true, value: undefined });
      expect(closed).toBe(true);
      await until(() => marks.lines.includes("AbortError"), { what: "the task to see its signal" });
      expect(marks.lines).toEqual(["started", "AbortError"]);
      expect(await stream.next()).toEqual({ done: true, value: undefined });
    });

    test("breaking out of a loop does the same", async () => {
      const input = new Counter();
      for await (const result of shared().imap("increment", input, { buffersize: 3 })) {
        if (result === 2) break;
      }
      expect(input.closed).toBe(true);
      expect(await shared().map("increment", [1])).toEqual([2]);
    });

    test("cancel() lets what has come in be read, then rejects", async () => {
      const marks = new Marks();
      const items = [
        { log: marks.log, gate: marks.log, say: "a" },
        { log: marks.log, gate: marks.gate },
      ];
      const stream = shared().imap("gated", items);
      await until(() => stream.progress.done === 1, { what: "the first item" });
      stream.cancel("enough");
      expect((await stream.next()).value).toBe("a");
      expect(await rejection(stream.next())).toMatchObject({ code: "CANCELLED", cause: "enough" });
      expect((await stream.next()).done).toBe(true);
    });
  });
});
