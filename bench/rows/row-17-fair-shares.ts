/** Maps that share a fleet of four processes: how long a small one waits for a large one, and what share each gets. */

import type { SideMap, SideTimes } from "../competitors/operations.ts";
import type { Competitor } from "../harness/competitor.ts";
import { inTurns, medianOf, medianRatio } from "../harness/rounds.ts";
import type { Check, Row } from "../harness/row.ts";

const SLOTS = 4;

/** The producers of the first and of the second map. */
const PAIRS = [
  { who: "one producer", producers: [0, 0], durable: false },
  { who: "two producers", producers: [0, 1], durable: false },
  { who: "a durable and a plain map", producers: [0, 0], durable: true },
] as const;

const TEN = { task: "wait", items: 10, ms: 200 } as const;
const ALONE = "10 items of 200 ms, alone";
const URGENT = "urgent map, until its first item began";
const TWENTY = "20 maps at once";
const ONE_MAP = "a map of tiny items, a job each";
const TWO_MAPS = "two such maps of half the items";

export const fairShares: Row = {
  id: 17,
  title: "maps that share four processes",
  async measure(stage) {
    const rounds = stage.size(3, 1);
    const setup = { redis: stage.redis.url, queue: "shared", processes: SLOTS };
    await stage.need("poolmqMachine", setup);
    const [one, two] = [await stage.need("poolmqProducer", setup), await stage.need("poolmqProducer", setup)];
    const producers = [one, two];
    await Promise.all(producers.map((each) => each.map({ task: "increment", args: { range: 1_000 } })));

    /** Runs two maps, and gives the times of both. */
    const both = async (
      { producers: by, durable }: (typeof PAIRS)[number],
      maps: readonly [SideMap, SideMap],
      forMs: number,
    ): Promise<readonly SideTimes[]> => {
      // A new id each time, because a durable map that exists would be taken up.
      const [first, second] = maps;
      const given = [durable ? { ...first, options: { mapId: `m${Date.now()}` } } : first, second];
      const asked = producers.map(async (producer, no) => {
        const own = given.filter((_, place) => by[place] === no);
        return own.length === 0 ? [] : await sideBySide(producer, own, forMs);
      });
      return (await Promise.all(asked)).flat();
    };
    const equal = stage.size(250, 60);
    const long = stage.size(100, 30);
    const pairs = PAIRS.flatMap((pair) => [
      {
        who: `${pair.who}: 10 items of 200 ms behind 10,000`,
        run: async () => {
          const maps = [
            { ...TEN, items: 10_000 },
            { ...TEN, afterMs: 1_100 },
          ] as const;
          return msOf((await both(pair, maps, 4_000))[1], TEN.items);
        },
      },
      {
        who: `${pair.who}: equal maps`,
        run: async () => {
          const map = { task: "wait", items: equal, ms: 20 } as const;
          return smallerShare(await both(pair, [map, map], 30_000));
        },
      },
      {
        who: `${pair.who}: items ten times as long`,
        run: async () => {
          const tenfold = { task: "wait", items: long, ms: 100 } as const;
          const other = { task: "wait", items: 10 * long, ms: 10 } as const;
          return smallerShare(await both(pair, [tenfold, other], 30_000));
        },
      },
    ]);
    const tiny = stage.size(8_000, 2_000);
    const times = await inTurns(rounds, [
      { who: ALONE, run: async () => msOf((await sideBySide(two, [TEN], 4_000))[0], TEN.items) },
      ...pairs,
      {
        who: URGENT,
        run: async () => {
          const urgent = { ...TEN, afterMs: 1_100, options: { priority: 1 } };
          const [, times] = await sideBySide(one, [{ ...TEN, items: 10_000 }, urgent], 4_000);
          return msOf(times, 1) - TEN.ms;
        },
      },
      {
        who: TWENTY,
        run: async () => {
          const maps = Array.from({ length: 10 }, () => ({ task: "wait", items: 10_000, ms: 10 }) as const);
          const forMs = stage.size(4_000, 2_000);
          const all = await Promise.all(producers.map((producer) => sideBySide(producer, maps, forMs)));
          return jain(all.flat().map(({ cameAt }) => cameAt.length));
        },
      },
      { who: ONE_MAP, run: () => throughput(one, [tiny]) },
      { who: TWO_MAPS, run: () => throughput(one, [tiny / 2, tiny / 2]) },
    ]);
    const seen = (who: string): readonly number[] => times.get(who) ?? [];
    const share = { unit: "%", target: { is: "≥", value: 90 } } as const;
    return {
      checks: [
        ...PAIRS.flatMap(({ who }): Check[] => [
          {
            what: `${who}: 10 items of 200 ms behind 10,000`,
            value: medianOf(seen(`${who}: 10 items of 200 ms behind 10,000`)),
            unit: "ms",
            target: { is: "≤", value: 1_500 },
          },
          {
            what: `${who}: equal maps, smaller share of the time over the larger`,
            value: medianOf(seen(`${who}: equal maps`)),
            ...share,
          },
          {
            what: `${who}: the same where one has items ten times as long`,
            value: medianOf(seen(`${who}: items ten times as long`)),
            ...share,
          },
        ]),
        {
          what: "20 maps of two producers: Jain index of their shares",
          value: medianOf(seen(TWENTY)),
          unit: "",
          target: { is: "≥", value: 0.95 },
        },
        { what: URGENT, value: medianOf(seen(URGENT)), unit: "ms", target: { is: "≤", value: TEN.ms } },
        {
          what: "two maps of tiny items, a job each: items/s, over those of one",
          value: medianRatio(seen(TWO_MAPS), seen(ONE_MAP)),
          unit: "×",
          target: { is: "≥", value: 0.9 },
        },
      ],
      series: [
        { who: ALONE, what: "to its end", unit: "ms", values: seen(ALONE) },
        ...PAIRS.map(({ who }) => {
          const values = seen(`${who}: 10 items of 200 ms behind 10,000`);
          return { who, what: "the same behind 10,000", unit: "ms", values };
        }),
        ...[ONE_MAP, TWO_MAPS].map((who) => {
          return { who, what: "throughput", unit: "items/s", values: seen(who) };
        }),
      ],
      notes: [
        "The small map is called 1.1 s after the large one, in the middle of a run. Shares are of the time that items ran, until one of the two maps has ended; of twenty maps, until 4 s after their call.",
      ],
    };
  },
};

async function sideBySide(
  producer: Competitor,
  maps: readonly SideMap[],
  forMs: number,
): Promise<readonly SideTimes[]> {
  return (await producer.ask("sideBySide", { maps, forMs })).maps;
}

/** How long it took from the call to the `count`-th result. */
function msOf(times: SideTimes | undefined, count: number): number {
  const at = times?.cameAt[count - 1];
  if (times === undefined || at === undefined) throw new Error(`fewer than ${count} results came in time`);
  return at - times.calledAt;
}

/** The run time of one map's items in percent of the other's, at the moment when the first of both ended. */
function smallerShare(maps: readonly SideTimes[]): number {
  const endedAt = Math.min(...maps.map(({ cameAt }) => cameAt.at(-1) ?? Infinity));
  const ran = maps.map(({ cameAt, meanMs }) => cameAt.filter((at) => at <= endedAt).length * meanMs);
  return (100 * Math.min(...ran)) / Math.max(...ran);
}

/** Items a second of maps that are called at once. */
async function throughput(producer: Competitor, counts: readonly number[]): Promise<number> {
  const maps = counts.map((items) => ({ task: "increment", items, ms: 0 }) as const);
  const times = await sideBySide(producer, maps, 60_000);
  const from = Math.min(...times.map(({ calledAt }) => calledAt));
  const to = Math.max(...times.map(({ cameAt }) => cameAt.at(-1) ?? Infinity));
  return (counts.reduce((a, b) => a + b, 0) * 1_000) / (to - from);
}

/** 1 if all shares are equal, 1/n if one has all. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((squares, share) => squares + share ** 2, 0));
}
