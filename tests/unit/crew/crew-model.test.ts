/**
 * A crew against a model of what it promises, with cancel, time limit, loss, retirement, taking back and garbage in
 * random orders. `POOLMQ_CREW_SEED=N` replays one.
 */

import fc from "fast-check";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Crew } from "../../../packages/worker/src/crew/crew.ts";
import type { RunEnd } from "../../../packages/worker/src/runs/run.ts";
import { aRun } from "../runs/a-run.ts";
import { FakeHost, TASKS } from "./fake-host.ts";
import type { TaskName } from "./fake-host.ts";

const KILL_GRACE_MS = 500;
const LIMIT_MS = 1_000;

type Step =
  | { readonly do: "run"; readonly fn: TaskName; readonly map: string; readonly hasLimit: boolean }
  | { readonly do: "cancel"; readonly map: string }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "kill" | "garbage" | "sever" | "deafen" | "hangs"; readonly host: number };

const maps = fc.constantFrom("a", "b", "c", "d");

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("run" as const),
      fn: fc.oneof({ weight: 6, arbitrary: fc.constant("quick" as const) }, fc.constantFrom(...TASKS)),
      map: maps,
      hasLimit: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), map: maps }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat({ max: 400 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "kill" as const,
        "garbage" as const,
        "sever" as const,
        "deafen" as const,
        "hangs" as const,
      ),
      host: fc.nat({ max: 2 }),
    }),
  },
);

interface Asked {
  readonly id: number;
  readonly fn: TaskName;
  readonly map: string;
  readonly hasLimit: boolean;
  /** How often each was settled, and with what at last. */
  ends: RunEnd[];
  cancelledAt: number | undefined;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class World {
  readonly hosts: FakeHost[] = [];
  readonly asked: Asked[] = [];
  /** Runs that a host ran when it ended. */
  readonly took = new Set<number>();
  /** A host was harmed, or harms itself, so that what had begun on it may be charged. */
  wasHarmed = false;
  readonly crew: Crew;

  constructor(processes: number, concurrency: number, maxTasksPerChild: number) {
    this.crew = new Crew(
      {
        startHost: (events) => {
          const host = new FakeHost(events, concurrency);
          host.onEnd = (running) => running.forEach(({ at, map }) => map !== "warm" && this.took.add(at));
          this.hosts.push(host);
          return host;
        },
        module: "/tasks.js",
        processes,
        concurrency,
        killGraceMs: KILL_GRACE_MS,
        startTimeoutMs: 5_000,
        maxTasksPerChild,
        maxMemoryPerChildMb: 0,
        onChange: () => {},
        onProgress: () => {},
        onLog: () => {},
      },
      pino({ level: "silent" }),
    );
    void this.crew.start().catch(() => {});
  }

  async do(it: Step): Promise<void> {
    switch (it.do) {
      case "run":
        return this.#run({ ...it, id: this.asked.length, ends: [], cancelledAt: undefined });
      case "cancel":
        this.crew.cancel(it.map);
        for (const one of this.asked) if (one.map === it.map) one.cancelledAt ??= performance.now();
        return;
      case "wait":
        await vi.advanceTimersByTimeAsync(it.ms);
        return;
      default:
        return this.#harm(it.do, it.host);
    }
  }

  #run(one: Asked): void {
    this.asked.push(one);
    const { fn, map, id, hasLimit } = one;
    const run = aRun({ fn, map, at: id, timeoutMs: hasLimit ? LIMIT_MS : undefined });
    void this.crew.run(run).then((end) => one.ends.push(end));
  }

  #harm(how: Extract<Step, { host: number }>["do"], which: number): void {
    const host = this.hosts.filter(({ isAlive }) => isAlive)[which];
    if (host === undefined) return;
    if (how === "hangs") {
      host.endsWhenTold = false;
      return;
    }
    this.wasHarmed = true;
    if (how === "kill") host.end({ exitCode: null, signal: "SIGKILL", outOfMemory: false });
    else if (how === "garbage") host.garbage();
    else if (how === "sever") host.severed();
    else host.isDeaf = true;
  }

  /** Items of cancelled maps that run now, with the time since their cancel. */
  get cancelledThatRun(): number[] {
    const now = performance.now();
    return this.hosts.flatMap((host) =>
      [...host.running.values()].flatMap(({ at }) => {
        const since = this.asked[at]?.cancelledAt;
        return since === undefined ? [] : [now - since];
      }),
    );
  }
}

test("each run ends once, innocents are not charged, cancelled ones stop, and no host is left over", async () => {
  const seed = process.env["POOLMQ_CREW_SEED"];
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(1, 1, 2, 4),
      fc.constantFrom(0, 0, 3),
      async (steps, processes, concurrency, maxTasksPerChild) => {
        const world = new World(processes, concurrency, maxTasksPerChild);
        const { crew, asked, hosts } = world;
        await vi.advanceTimersByTimeAsync(2);
        // Runs that are known to be short are piped ahead.
        for (let i = 0; i < 30; i++) void crew.run(aRun({ map: "warm" }));
        await vi.advanceTimersByTimeAsync(40);
        for (const it of steps) {
          await world.do(it);
          // A cancelled one may go on for its grace, and until the guard has been asked.
          for (const ms of world.cancelledThatRun) expect(ms).toBeLessThanOrEqual(KILL_GRACE_MS + 50);
          expect(crew.pids.length).toBeLessThanOrEqual(3 * processes);
        }
        // What has a time limit, or was cancelled, ends by itself; what is endless is ended at last.
        await vi.advanceTimersByTimeAsync(60_000);
        for (const ms of world.cancelledThatRun) expect(ms).toBeLessThanOrEqual(KILL_GRACE_MS + 50);
        // The clock of what waits behind one that blocks its host for ever does not run.
        const isBlocked = concurrency > 1 && asked.some(({ fn }) => fn === "spins");
        for (const { hasLimit, cancelledAt, ends } of asked) {
          if (cancelledAt !== undefined || (hasLimit && !isBlocked)) expect(ends.length).toBe(1);
        }
        crew.stopAll();
        const closing = crew.close(1_000);
        await vi.advanceTimersByTimeAsync(5_000);
        await closing;
        expect(hosts.filter(({ isAlive }) => isAlive)).toEqual([]);
        for (const { id, ends, fn, cancelledAt, hasLimit } of asked) {
          expect(ends.length).toBe(1);
          const [end] = ends;
          // Of several that run on a host that ends without a word, nobody knows which one it was.
          const mayPay = concurrency === 1 ? [fn] : asked.map((one) => one.fn);
          if (end?.kind === "lost" && !world.wasHarmed) expect(mayPay).toContain("crashes");
          // What only waited in the host's pipe is not charged.
          if (end?.kind === "lost") expect(world.took).toContain(id);
          if (end?.kind === "timeout") expect(hasLimit).toBe(true);
          if (end?.kind === "cancelled") expect(cancelledAt).toBeDefined();
        }
      },
    ),
    { numRuns: 150, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
});
