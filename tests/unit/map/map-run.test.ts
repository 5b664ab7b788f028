import { autoChunks, checkedTuples, MapRun } from "@poolmq/producer/internal";
import type { Chunk } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

/** Resolves after so many turns of the microtask queue. */
async function microtasks(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

test.for([0, 1, 2, 3, 4, 5, 6])(
  "an outcome that arrives %i microtasks after the input's end does not end the map before its last items",
  async (delay) => {
    const tuples = [[1], [2], [3]];
    const results: unknown[] = [];
    const ended = Promise.withResolvers<unknown>();
    const cut = Promise.withResolvers<void>();
    const iterator = {
      next: (): Promise<IteratorResult<readonly unknown[]>> => {
        const value = tuples.shift();
        if (value !== undefined) return Promise.resolve({ done: false, value });
        return new Promise((resolve) => {
          setImmediate(() => {
            resolve({ done: true, value: undefined });
            void microtasks(delay).then(() => run.take(0, "=[1,2]", { ms: 1 }));
          });
        });
      },
    };
    const run = new MapRun(
      {
        id: "m",
        task: "t",
        call: "map",
        input: checkedTuples("map", { [Symbol.asyncIterator]: () => iterator }).source,
        length: undefined,
        chunkSize: { next: () => 2, measured: () => {}, ahead: Infinity, why: () => "" },
        window: { jobs: 100, bytes: 1e6, items: 100 },
        job: {},
        keepsUntilRead: false,
        wholeChunks: false,
        argumentLimit: { maxBytes: 1e6, limit: "maxPayloadBytes" },
        classes: () => undefined,
        callSite: () => undefined,
      },
      {
        succeeded: (index, value) => void (results[index] = value),
        failed: () => {},
        ended: ended.resolve,
      },
    );
    const started = run.start({
      enqueue: async (_run, chunks) => {
        if (chunks.some(({ at }) => at === 2)) cut.resolve();
      },
      drop: () => {},
      seal: async () => {},
      settledHere: () => {},
    });
    await Promise.race([cut.promise, ended.promise]);
    run.take(2, "=[3]", { ms: 1 });
    expect(await ended.promise).toEqual({ total: 3 });
    expect(results).toEqual([1, 2, 3]);
    await started;
  },
);

test("a reader that takes one result at a time gets whole chunks all the same", async () => {
  const items = 40;
  const sizes: number[] = [];
  const ended = Promise.withResolvers<unknown>();
  const toHandOn: (() => void)[] = [];
  const run = new MapRun(
    {
      id: "m",
      task: "t",
      call: "imap",
      input: checkedTuples(
        "imap",
        Array.from({ length: 200 }, (_, i) => [i]),
      ).source,
      length: undefined,
      chunkSize: { next: () => 10, measured: () => {}, ahead: Infinity, why: () => "" },
      window: { jobs: 100, bytes: 1e6, items },
      job: {},
      keepsUntilRead: true,
      wholeChunks: false,
      argumentLimit: { maxBytes: 1e6, limit: "maxPayloadBytes" },
      classes: () => undefined,
      callSite: () => undefined,
    },
    {
      succeeded: () => void toHandOn.push(() => run.handOn()),
      failed: () => {},
      ended: ended.resolve,
    },
  );
  const started = run.start({
    enqueue: async (_run, chunks) => {
      sizes.push(...chunks.map(({ n }) => n));
      setImmediate(() => {
        for (const { at, args } of chunks) run.take(at, `=${args}`, { ms: 1 });
        void readSlowly();
      });
    },
    drop: () => {},
    seal: async () => {},
    settledHere: () => {},
  });

  async function readSlowly(): Promise<void> {
    for (let next = toHandOn.shift(); next !== undefined; next = toHandOn.shift()) {
      next();
      await microtasks(10);
    }
  }

  expect(await ended.promise).toEqual({ total: 200 });
  await started;
  expect(new Set(sizes)).toEqual(new Set([10]));
});

/** Runs 2,000 items through a transport that answers as told. Gives the chunks of each call of `enqueue`. */
function automatic(answer: (run: MapRun, chunks: readonly Chunk[], call: number) => void): {
  readonly calls: (readonly Chunk[])[];
  readonly ended: Promise<void>;
} {
  const calls: (readonly Chunk[])[] = [];
  const total = 2_000;
  const run: MapRun = new MapRun(
    {
      id: "m",
      task: "t",
      call: "map",
      input: checkedTuples(
        "map",
        Array.from({ length: total }, (_, i) => [i]),
      ).source,
      length: total,
      chunkSize: autoChunks(
        () => run.remaining,
        () => 2,
      ),
      window: { jobs: 5_000, bytes: 1e6, items: Infinity },
      job: {},
      keepsUntilRead: false,
      wholeChunks: false,
      argumentLimit: { maxBytes: 1e6, limit: "maxPayloadBytes" },
      classes: () => undefined,
      callSite: () => undefined,
    },
    { succeeded: () => {}, failed: () => {}, ended: () => {} },
  );
  const ended = run.start({
    enqueue: async (_run, chunks) => {
      calls.push(chunks);
      answer(run, chunks, calls.length);
    },
    drop: () => {},
    seal: async () => {},
    settledHere: () => {},
  });
  return { calls, ended };
}

function takeAll(run: MapRun, chunks: readonly Chunk[]): void {
  for (const { at, args } of chunks) run.take(at, `=${args}`, { ms: 0.01 });
}

test("an automatic chunk size lets few single items go before it has measured one", async () => {
  const { calls, ended } = automatic((run, chunks) => void setImmediate(() => takeAll(run, chunks)));
  await ended;
  const singles = calls.flat().filter(({ n }) => n === 1);
  expect(singles.length).toBeLessThanOrEqual(32);
});

test("an automatic chunk size does not wait for long functions", async () => {
  const unanswered: (readonly Chunk[])[] = [];
  const { calls, ended } = automatic((run, chunks, call) => {
    unanswered.push(chunks);
    if (call === 3) for (const earlier of unanswered) takeAll(run, earlier);
    if (call > 3) setImmediate(() => takeAll(run, chunks));
  });
  await ended;
  expect(calls.slice(0, 3).map((chunks) => chunks.length)).toEqual([16, 16, 16]);
});
