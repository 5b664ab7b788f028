/**
 * A map whose chunks are cut, in any order of what machines say: a machine may cut a chunk and tell of it or die, a second
 * one may run all of it again, and each word may come late, twice or, but for the last outcome of a chunk, not at all.
 */

import { MapRun, singles } from "@poolmq/producer/internal";
import type { Chunk } from "@poolmq/producer/internal";
import { decodeArguments } from "@poolmq/shared/internal";
import fc from "fast-check";
import { expect, test } from "vitest";

const ITEMS = 9;

/** What one machine does with a chunk, and which of its words get through. */
interface Deed {
  /** It keeps this part of the items; 1: all of them. */
  readonly keeps: number;
  readonly tellsOfCut: boolean;
  readonly bringsOutcome: boolean;
  /** As `!` outcomes, as those of a chunk with failures. */
  readonly oneByOne: boolean;
}

const deed: fc.Arbitrary<Deed> = fc.record({
  keeps: fc.constantFrom(0.01, 0.3, 0.6, 1),
  tellsOfCut: fc.boolean(),
  bringsOutcome: fc.boolean(),
  oneByOne: fc.boolean(),
});

/** Each chunk is run by one to three machines; of the last, the outcome gets through. */
const scripts = fc.array(fc.array(deed, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 });

const order = fc.array(fc.nat(50), { minLength: 10, maxLength: 40 });

test("each item of a map is told once, with what a run of it gave, and the map comes to its end", async () => {
  await fc.assert(
    fc.asyncProperty(scripts, order, fc.integer({ min: 1, max: 4 }), async (deeds, turns, pieces) => {
      const told: [number, unknown][] = [];
      const words: (() => void)[] = [];
      let chunks = 0;
      let ended = false;
      const run = new MapRun(
        {
          id: "m",
          task: "t",
          call: "map",
          input: singles(
            "map",
            Array.from({ length: ITEMS }, (_, i) => i),
          ).source,
          length: ITEMS,
          chunkSize: { next: () => ITEMS, measured: () => {}, ahead: Infinity, why: () => "" },
          window: { jobs: 100, bytes: 1e6, items: Infinity },
          job: {},
          keepsUntilRead: false,
          wholeChunks: false,
          argumentLimit: undefined,
          classes: () => undefined,
          callSite: () => undefined,
        },
        {
          succeeded: (index, value) => void told.push([index, value]),
          failed: (index, error) => void told.push([index, error]),
          ended: (end) => void (ended = "total" in end),
        },
      );
      const work = (chunk: Chunk): void => {
        chunk.pieces = pieces;
        const { values } = decodeArguments(chunk.args, chunk.bytes);
        expect(values).toHaveLength(chunk.n);
        const done = deeds[chunks++ % deeds.length] ?? [];
        for (const [i, { keeps, tellsOfCut, bringsOutcome, oneByOne }] of done.entries()) {
          const kept = Math.max(1, Math.min(chunk.n, Math.round(chunk.n * keeps)));
          const results = values.slice(0, kept).map((x) => Number(x) * 2);
          const text = oneByOne
            ? `!${JSON.stringify(results.map((value) => ({ s: "ok", value: String(value) })))}`
            : `=${JSON.stringify(results)}`;
          if (tellsOfCut) words.push(() => run.cut(chunk.at, kept));
          if (bringsOutcome || i === done.length - 1) words.push(() => run.take(chunk.at, text, { ms: 1 }));
        }
      };
      const started = run.start({
        enqueue: async (_map, sent) => sent.forEach(work),
        drop: () => {},
        seal: async () => {},
        settledHere: () => {},
      });
      await started;
      for (let turn = 0; words.length > 0; turn++) {
        const [word] = words.splice((turns[turn % turns.length] ?? 0) % words.length, 1);
        word?.();
        await Promise.resolve();
      }
      expect(ended).toBe(true);
      const inOrder = told.toSorted(([a], [b]) => a - b);
      expect(inOrder).toEqual(Array.from({ length: ITEMS }, (_, i) => [i, i * 2]));
    }),
    { numRuns: 300 },
  );
});
