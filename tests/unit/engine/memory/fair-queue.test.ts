import { FairQueue } from "@poolmq/producer/internal";
import { describe, expect, test } from "vitest";

interface Job {
  readonly map: { readonly id: string };
  readonly no: number;
  readonly priority: number | undefined;
}

const jobs = (id: string, count: number, priority?: number): Job[] =>
  Array.from({ length: count }, (_, no) => ({ map: { id }, no, priority }));

function queueOf(...lists: readonly (readonly Job[])[]): FairQueue<Job> {
  const queue = new FairQueue<Job>();
  for (const job of lists.flat()) queue.add(job);
  return queue;
}

/** Takes jobs one after the other, each of which runs for as long as `ms` says. Gives the maps in their order. */
function serve(queue: FairQueue<Job>, count: number, ms: (map: string) => number): string[] {
  const served: string[] = [];
  for (let i = 0; i < count; i++) {
    const job = queue.next();
    if (job === undefined) break;
    served.push(job.map.id);
    queue.ran(job.map.id, ms(job.map.id));
  }
  return served;
}

const countOf = (served: readonly string[], id: string): number => served.filter((map) => map === id).length;

describe("a fair queue", () => {
  test("gives the jobs of one map in their order, and then nothing", () => {
    const queue = queueOf(jobs("a", 3));
    expect([queue.next()?.no, queue.next()?.no, queue.next()?.no, queue.next()]).toEqual([
      0,
      1,
      2,
      undefined,
    ]);
    expect(queue.size).toBe(0);
  });

  test("serves maps of equal jobs in turns, whichever came first", () => {
    const served = serve(queueOf(jobs("a", 100), jobs("b", 100)), 100, () => 5);
    expect(countOf(served, "a")).toBeGreaterThanOrEqual(49);
    expect(countOf(served, "b")).toBeGreaterThanOrEqual(49);
  });

  test("serves equal shares of time: ten short jobs for each one that takes ten times as long", () => {
    const served = serve(queueOf(jobs("long", 200), jobs("short", 2_000)), 1_100, (map) =>
      map === "long" ? 100 : 10,
    );
    expect(countOf(served, "long")).toBeGreaterThan(90);
    expect(countOf(served, "long")).toBeLessThan(110);
  });

  test("lets a map that comes later begin at once, and claims nothing for the time before it", () => {
    const queue = queueOf(jobs("a", 1_000));
    serve(queue, 500, () => 10);
    for (const job of jobs("b", 100)) queue.add(job);
    expect(serve(queue, 2, () => 10)).toContain("b");
    expect(
      countOf(
        serve(queue, 100, () => 10),
        "b",
      ),
    ).toBeLessThanOrEqual(51);
  });

  test("serves urgent maps first: lower numbers, then those without a priority", () => {
    const queue = queueOf(jobs("five", 2, 5), jobs("none", 2), jobs("one", 2, 1));
    expect(serve(queue, 6, () => 1)).toEqual(["one", "one", "five", "five", "none", "none"]);
  });

  test("lets a map get more or less urgent while it waits", () => {
    const queue = queueOf(jobs("a", 2), jobs("b", 2), jobs("c", 2, 5));
    queue.setPriority("b", 1);
    queue.setPriority("c");
    expect(serve(queue, 2, () => 1)).toEqual(["b", "b"]);
    expect(serve(queue, 4, () => 1).toSorted()).toEqual(["a", "a", "c", "c"]);
  });

  test("puts a job back in front of its map's line", () => {
    const queue = queueOf(jobs("a", 3));
    const job = queue.next();
    if (job !== undefined) queue.putBack(job);
    expect(queue.size).toBe(3);
    expect(queue.next()?.no).toBe(0);
  });

  test("forgets a map with all that waits of it", () => {
    const queue = queueOf(jobs("a", 50), jobs("b", 3), jobs("c", 50));
    queue.remove("a");
    queue.remove("c");
    expect(queue.size).toBe(3);
    expect(serve(queue, 10, () => 1)).toEqual(["b", "b", "b"]);
  });

  test("serves twenty maps with a Jain index of at least 0.95", () => {
    const maps = Array.from({ length: 20 }, (_, i) => `m${i}`);
    const queue = queueOf(...maps.map((id) => jobs(id, 500)));
    const ms = (map: string): number => 1 + Number(map.slice(1));
    const served = serve(queue, 2_000, ms);
    const times = maps.map((id) => countOf(served, id) * ms(id));
    const sum = times.reduce((total, time) => total + time, 0);
    const squares = times.reduce((total, time) => total + time * time, 0);
    expect(sum ** 2 / (20 * squares)).toBeGreaterThan(0.95);
  });

  test("keeps ten thousand maps of one job each in the order in which they came", () => {
    const queue = queueOf(...Array.from({ length: 10_000 }, (_, i) => jobs(`m${i}`, 1)));
    const served = serve(queue, 10_000, () => 1);
    expect(served.slice(0, 3)).toEqual(["m0", "m1", "m2"]);
    expect(new Set(served).size).toBe(10_000);
  });
});
