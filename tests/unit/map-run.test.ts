import { MapRun } from "@poolmq/producer/internal";
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
    const input = {
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
        input,
        length: undefined,
        chunkSize: { next: () => 2, measured: () => {}, why: () => "" },
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
      input: Array.from({ length: 200 }, (_, i) => [i]).values(),
      length: undefined,
      chunkSize: { next: () => 10, measured: () => {}, why: () => "" },
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
