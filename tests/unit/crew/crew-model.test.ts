/**
 * A crew against a model of what it promises, with cancel, time limit, loss, retirement, taking back and garbage in
 * random orders. `POOLMQ_CREW_SEED=N` replays one.
 */

import fc from "fast-check";
import { pino } from "pino";
import { beforeEach, expect, test, vi } from "vitest";

import { Crew } from "../../../packages/worker/src/crew/crew.ts";
import type { RunEnd } from "../../../packages/worker/src/runs/run.ts";
import { aRun } from "../runs/a-run.ts";
import { FakeHost, TASKS } from "./fake-host.ts";
import type { TaskName } from "./fake-host.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

const KILL_GRACE_MS = 500;
const LIMIT_MS = 1_000;
const ASKING_MS = 50;

/** Tasks that come to an end by themselves. */
const ENDS: readonly TaskName[] = ["quick", "slow", "blocks", "crashes", "leaves"];

type Step =
  | { readonly do: "run"; readonly fn: TaskName; readonly map: string; readonly hasLimit: boolean }
  | { readonly do: "cancel"; readonly map: string }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "retire" }
  /** Two runs that meet on a host if there is one, and what becomes of one of them is no fault of the other's. */
  | { readonly do: "pair"; readonly how: "cancelled behind one that blocks" | "beside one that is overdue" }
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
  { weight: 1, arbitrary: fc.record({ do: fc.constant("retire" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("pair" as const),
      how: fc.constantFrom(
        "cancelled behind one that blocks" as const,
        "beside one that is overdue" as const,
      ),
    }),
  },
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

beforeEach(() => useFakeTimers());

class World {
  readonly hosts: FakeHost[] = [];
  readonly asked: Asked[] = [];
  /** Runs that a host ran when it ended. */
  readonly took = new Set<number>();
  /** What a run or a host did that it must not, in words. */
  readonly wrong: string[] = [];
  /** How often all hosts were to be replaced. */
  #replacements = 0;
  /** When the last run of each began. */
  readonly #beganAt = new Map<number, number>();
  /** Hosts that are to be replaced, and how many runs they were sent before. */
  readonly #retired = new Map<FakeHost, number>();
  /** A host was harmed, or harms itself, so that what had begun on it may be charged. */
  wasHarmed = false;
  readonly crew: Crew;
  readonly #processes: number;

  constructor(processes: number, concurrency: number, maxTasksPerChild: number) {
    this.#processes = processes;
    this.crew = new Crew(
      {
        startHost: (events) => {
          const host = new FakeHost(events, concurrency);
          host.onBegin = ({ at, map }) => {
            const others = this.hosts.filter((other) => other !== host && other.isAlive);
            const isRunning = others.some(({ running }) =>
              [...running.values()].some((run) => run.at === at),
            );
            if (map === "warm") return;
            if (isRunning) this.wrong.push(`run ${at} began while another host ran it`);
            this.#beganAt.set(at, performance.now());
            const { cancelledAt = Infinity } = this.asked[at] ?? {};
            // Its guard may have been asked just now.
            if (performance.now() - cancelledAt > ASKING_MS)
              this.wrong.push(`run ${at} began after its cancel`);
          };
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
        return this.#run(it);
      case "cancel":
        return this.#cancel(it.map);
      case "pair":
        if (it.how === "beside one that is overdue") {
          this.#run({ fn: "endless", map: "a", hasLimit: true });
          return this.#run({ fn: "endless", map: "b", hasLimit: false });
        }
        this.#run({ fn: "spins", map: "a", hasLimit: true });
        this.#run({ fn: "quick", map: "b", hasLimit: false });
        return this.#cancel("b");
      case "retire":
        for (const host of this.hosts)
          if (host.isAlive && host.isReady) this.#retired.set(host, host.runsSent);
        this.#replacements++;
        this.crew.resize(0);
        this.crew.resize(this.#processes);
        return;
      case "wait":
        await vi.advanceTimersByTimeAsync(it.ms);
        return;
      default:
        return this.#harm(it.do, it.host);
    }
  }

  #cancel(map: string): void {
    this.crew.cancel(map);
    for (const one of this.asked) if (one.map === map) one.cancelledAt ??= performance.now();
  }

  #run(what: Pick<Asked, "fn" | "map" | "hasLimit">): void {
    const one: Asked = { ...what, id: this.asked.length, ends: [], cancelledAt: undefined };
    this.asked.push(one);
    const { fn, map, id, hasLimit } = one;
    const run = aRun({ fn, map, at: id, timeoutMs: hasLimit ? LIMIT_MS : undefined });
    void this.crew.run(run).then((end) => {
      one.ends.push(end);
      const ranMs = performance.now() - (this.#beganAt.get(id) ?? Infinity);
      if (end.kind === "timeout" && ranMs < LIMIT_MS)
        this.wrong.push(`run ${id} was stopped before its limit`);
      if (end.kind === "done" && fn === "heeds") this.wrong.push(`run ${id} was stopped, and gave a result`);
    });
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

  /** What must hold at any time. */
  expectSound(): void {
    expect(this.wrong).toEqual([]);
    // A cancelled one may go on for its grace, and until the guard has been asked.
    const late = this.asked.filter(
      ({ ends, cancelledAt = Infinity }) =>
        ends.length === 0 && performance.now() - cancelledAt > KILL_GRACE_MS + ASKING_MS,
    );
    expect(late, "runs that go on after their cancel").toEqual([]);
    // Each time that all are to be replaced, those that have an endless run stay.
    expect(this.crew.pids.length).toBeLessThanOrEqual((3 + this.#replacements) * this.#processes);
    for (const [host, runs] of this.#retired)
      expect(host.runsSent, "runs of a host that is replaced").toBe(runs);
    expect(this.hosts.filter(({ wasCutShort }) => wasCutShort)).toEqual([]);
    expect(this.hosts.filter(({ wasKilledForNothing }) => wasKilledForNothing)).toEqual([]);
  }

  /** What must hold once nothing has happened for long. */
  expectAtRest(): void {
    this.expectSound();
    expect(this.crew.ready).toBe(this.#processes);
    const idle = this.hosts.filter(({ isAlive, running }) => isAlive && running.size === 0);
    expect(idle.length, "hosts without a run").toBeLessThanOrEqual(this.#processes);
    const waiting = this.asked.filter(({ ends, fn }) => ends.length === 0 && ENDS.includes(fn));
    if (idle.some(({ isReady }) => isReady))
      expect(waiting, "runs that wait although a host is free").toEqual([]);
  }
}

test("each run ends once, innocents are not charged, cancelled ones stop, and no host is left over", async () => {
  const seed = process.env["POOLMQ_CREW_SEED"];
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40, size: "max" }),
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
          world.expectSound();
        }
        // What has a time limit, or was cancelled, ends by itself; what is endless is ended at last.
        await vi.advanceTimersByTimeAsync(60_000);
        world.expectAtRest();
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
    { numRuns: 100, endOnFailure: true, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
});
