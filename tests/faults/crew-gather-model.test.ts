/**
 * The crew and the gather together against a model, in random orders: cancel, time limit, loss, retirement, taking back,
 * lost machines and a Redis that is wiped. Real Redis, the real gather of a producer, the real session and crew of
 * machines; only the hosts are objects (`fake-host.ts`), so that each can come to any end at any moment.
 *
 * The two have models of their own, which go deeper: `gather-model.test.ts`, and `tests/unit/crew/crew-model.test.ts`.
 */

import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";

import { Gather, MapRun, singles } from "@poolmq/producer/internal";
import { CancelledError } from "@poolmq/shared";
import { resolveConnection } from "@poolmq/shared/internal";
import { connect, destroyConnection, jobIdOf, queueKeys } from "@poolmq/shared/redis";
import fc from "fast-check";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";

import { Crew } from "../../packages/worker/src/crew/crew.ts";
import { RecentLines } from "../../packages/worker/src/log/recent-lines.ts";
import { NO_OBSERVER } from "../../packages/worker/src/job/context/work-observer.ts";
import { Lanes } from "../../packages/worker/src/supervisor/lanes.ts";
import { HeldBytes } from "../../packages/worker/src/job/context/held-bytes.ts";
import { KeptShares } from "../../packages/worker/src/job/context/kept-shares.ts";
import { resolveWorkerOptions } from "../../packages/worker/src/worker-options.ts";
import { faultSeed } from "../support/fault-seed.ts";
import { redisForFile } from "../support/redis-server.ts";
import { uniqueQueue } from "../support/unique.ts";
import { until } from "../support/until.ts";
import { FakeHost, TASKS } from "../unit/crew/fake-host.ts";
import type { RunMessage, TaskName } from "../unit/crew/fake-host.ts";

const redis = redisForFile();

/** Orders of steps that are tried. */
const RUNS = Number(process.env["POOLMQ_FAULT_RUNS"] ?? 12);

const ITEMS = 4;
const LIMIT_MS = 250;
const KILL_GRACE_MS = 60;
const LOSS_ATTEMPTS = 2;
const PATIENCE_MS = 20_000;
const SILENT = pino({ level: "silent" });
const TASK_INFOS = Object.fromEntries(TASKS.map((name) => [name, { arity: 1 }]));

/** One item of one map. */
const keyOf = (map: string, at: number): string => `${map}#${at}`;

/** What was done, as far as it decides what may come of it. */
class Model {
  /** What runs of an item gave. */
  readonly given = new Map<string, Set<number>>();
  /** How many hosts came to an end that may be put to an item. */
  readonly losses = new Map<string, number>();
  /** Items that began on one host of a machine while another host of it ran them. */
  readonly twice: string[] = [];
  /** Warnings of jobs that were gone although nobody had taken anything from Redis. */
  readonly vanished: object[] = [];
  /** Redis was wiped: jobs and outcomes may be gone. */
  wasWiped = false;
  #runs = 0;

  gives({ map, at }: RunMessage): string {
    const value = at * 1_000_000 + ++this.#runs;
    const values = this.given.get(keyOf(map, at)) ?? new Set();
    this.given.set(keyOf(map, at), values.add(value));
    return `=[${value}]`;
  }

  lost({ map, at }: RunMessage): void {
    this.losses.set(keyOf(map, at), (this.losses.get(keyOf(map, at)) ?? 0) + 1);
  }
}

/** One map that was asked for. */
interface Asked {
  readonly id: string;
  readonly fn: TaskName;
  readonly hasLimit: boolean;
  readonly run: MapRun;
  /** Outcomes in the order in which they were told; `error` of those that failed. */
  readonly told: { readonly at: number; readonly value?: unknown; readonly error?: unknown }[];
  isCancelled: boolean;
  ends: number;
}

/** A machine whose hosts are objects. */
class FakeMachine {
  readonly hosts: readonly FakeHost[];
  readonly #crew: Crew;
  readonly #lanes: Lanes;

  private constructor(hosts: readonly FakeHost[], crew: Crew, lanes: Lanes) {
    this.hosts = hosts;
    this.#crew = crew;
    this.#lanes = lanes;
  }

  static async start(queue: string, model: Model, shape: Shape): Promise<FakeMachine> {
    const options = resolveWorkerOptions({
      module: new URL("../fixtures/tasks.ts", import.meta.url),
      connection: redis().url,
      queue,
      killGraceMs: KILL_GRACE_MS,
      workerLossAttempts: LOSS_ATTEMPTS,
      lockDurationMs: 1_000,
      stalledIntervalMs: 100,
      ...shape,
    });
    const hosts: FakeHost[] = [];
    const opened: { lanes?: Lanes } = {};
    const crew = new Crew(
      {
        ...options,
        startHost: (events) => {
          const host = new FakeHost(events, shape.concurrency);
          host.outcomeOf = (run) => model.gives(run);
          host.onBegin = ({ map, at }) => {
            const others = hosts.filter((other) => other !== host && other.isAlive);
            const isRunning = others.some(({ running }) =>
              [...running.values()].some((run) => run.map === map && run.at === at),
            );
            if (isRunning) model.twice.push(keyOf(map, at));
          };
          host.onEnd = (chargeable) => chargeable.forEach((run) => model.lost(run));
          hosts.push(host);
          return host;
        },
        onChange: () => opened.lanes?.onCrewChange(),
        onProgress: () => {},
        onLog: () => {},
      },
      SILENT,
    );
    const id = uniqueQueue("machine");
    const machine = {
      id,
      options,
      crew,
      tasks: TASK_INFOS,
      observer: NO_OBSERVER,
      drain: () => {},
      recentLog: new RecentLines(),
      shares: new KeptShares(() => {}),
      held: new HeldBytes(Infinity),
    };
    const draining = new Promise<void>(() => {});
    const lanes = new Lanes({ ...machine, draining }, SILENT, new AbortController().signal);
    opened.lanes = lanes;
    await lanes.open();
    await Promise.all([crew.start(), lanes.serve()]);
    return new FakeMachine(hosts, crew, lanes);
  }

  get alive(): FakeHost[] {
    return this.hosts.filter(({ isAlive }) => isAlive);
  }

  /** Items that run here now. */
  get running(): RunMessage[] {
    return this.alive.flatMap((host) => [...host.running.values()]);
  }

  /** Lets hosts end, and starts others. */
  async retireAll(): Promise<void> {
    const { processes } = this.#crew;
    this.#crew.resize(0);
    await delay(1);
    this.#crew.resize(processes);
  }

  /** Vanishes, without a word to anybody: nothing that it holds is handed back. */
  async vanish(): Promise<void> {
    const closed = this.#lanes.close();
    this.#crew.kill();
    await Promise.all([closed, this.#crew.close(0)]);
  }
}

interface Shape {
  readonly processes: number;
  readonly concurrency: number;
  readonly maxTasksPerChild: number;
}

class World {
  readonly queue = uniqueQueue("crew-gather");
  readonly keys = queueKeys(this.queue);
  readonly model = new Model();
  readonly asked: Asked[] = [];
  machines: FakeMachine[] = [];
  readonly #shape: Shape;
  readonly #close: (() => unknown)[] = [];
  #gather: Gather | undefined;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  async start(): Promise<void> {
    const resolved = resolveConnection(redis().url, {});
    if (resolved === undefined) throw new Error("No connection");
    const [commands, blocking] = await Promise.all([
      connect(resolved, { role: "commands" }),
      connect(resolved, { role: "blocking" }),
    ]);
    this.#close.push(() => [commands, blocking].forEach(destroyConnection));
    const warn = (facts: object, message: string): void => {
      if (message.startsWith("jobs vanished") && !this.model.wasWiped) this.model.vanished.push(facts);
    };
    const hooks = { warn, alarm: () => {}, cleaning: () => {}, ownWorkers: false };
    const queue = { keys: this.keys, queue: this.queue, signer: undefined, signatureTtlMs: 60_000 };
    this.#gather = new Gather(commands, blocking, queue, hooks, { firstMs: 60, tickMs: 10 });
    await this.startMachine();
  }

  async startMachine(): Promise<void> {
    this.machines.push(await FakeMachine.start(this.queue, this.model, this.#shape));
  }

  async ask(fn: TaskName, hasLimit: boolean): Promise<void> {
    const gather = this.#gather;
    if (gather === undefined) throw new Error("not started");
    const id = `m${this.asked.length}`;
    const told: Asked["told"] = [];
    const run = new MapRun(
      {
        id,
        task: fn,
        call: "map",
        input: singles("map", Array(ITEMS).keys()).source,
        length: ITEMS,
        chunkSize: { next: () => 1, measured: () => {}, why: () => "", ahead: Infinity },
        window: { jobs: Infinity, bytes: Infinity, items: Infinity },
        job: hasLimit ? { taskTimeoutMs: LIMIT_MS } : {},
        keepsUntilRead: false,
        wholeChunks: true,
        argumentLimit: undefined,
        classes: () => undefined,
        callSite: () => undefined,
      },
      {
        succeeded: (at, value) => void told.push({ at, value }),
        failed: (at, error) => void told.push({ at, error }),
        ended: () => void one.ends++,
      },
    );
    const one: Asked = { id, fn, hasLimit, run, told, isCancelled: false, ends: 0 };
    this.asked.push(one);
    await gather.open(run, "plain");
    void run.start(gather);
  }

  cancel(one: Asked): void {
    if (one.ends > 0) return;
    one.isCancelled = true;
    one.run.fail(new CancelledError({ mapId: one.id }));
  }

  /** What must hold at any time. */
  expectSound(): void {
    expect(this.model.twice, "items that ran on two hosts of a machine at a time").toEqual([]);
    // An outcome is in Redis before its job is acknowledged, so what is neither there nor done was never enqueued.
    expect(this.model.vanished, "jobs that vanished from a Redis that kept its data").toEqual([]);
    for (const { id, fn, hasLimit, told, isCancelled, ends } of this.asked) {
      expect(ends, `ends of ${id}`).toBeLessThanOrEqual(1);
      const indices = told.map(({ at }) => at);
      expect(new Set(indices).size, `an item of ${id} was told twice`).toBe(indices.length);
      for (const { at, value, error } of told) {
        const key = keyOf(id, at);
        if (error === undefined) {
          expect([...(this.model.given.get(key) ?? [])], `what runs of ${key} gave`).toContain(value);
          continue;
        }
        const { code, losses } = error as { readonly code: string; readonly losses?: number };
        const what = `${key} (${fn}) ended in ${inspect(error)}`;
        if (code === "CANCELLED") expect(isCancelled, what).toBe(true);
        else if (code === "TASK_TIMEOUT") expect(hasLimit, what).toBe(true);
        else {
          expect(code, what).toBe("WORKER_LOST");
          // Innocents are not charged: so many hosts came to their end while they ran this very item.
          expect(losses, what).toBe(LOSS_ATTEMPTS);
          expect(this.model.losses.get(key) ?? 0, what).toBeGreaterThanOrEqual(LOSS_ATTEMPTS);
        }
      }
    }
  }

  /** From now on nothing breaks: what has an end comes to it, and of the rest nothing is left once it is cancelled. */
  async expectEnd(): Promise<void> {
    if (this.machines.length === 0) await this.startMachine();
    await this.#expectCancelledToLeave();
    // These hold their hosts for ever, and all that waits behind them.
    for (const one of this.asked) {
      if (!one.hasLimit && ["heeds", "endless", "spins"].includes(one.fn)) this.cancel(one);
    }
    const open = (): string[] =>
      this.asked.filter(({ ends }) => ends === 0).map(({ id, fn }) => `${id} (${fn})`);
    await until(() => open().length === 0, { what: "all maps to end", timeoutMs: PATIENCE_MS }).catch(
      (cause: unknown) => {
        throw new Error(`open: ${open().join()}`, { cause });
      },
    );
    this.expectSound();
    for (const { id, isCancelled, told } of this.asked) {
      if (!isCancelled) expect(told.length, `items of ${id} that were told`).toBe(ITEMS);
    }
    const running = (): string[] =>
      this.machines.flatMap((machine) => machine.running.map(({ map, at }) => keyOf(map, at)));
    await until(() => running().length === 0, { what: "what was cancelled to stop", timeoutMs: PATIENCE_MS });
    const lists = ["wait", "active", "delayed", "prioritized"].map((name) => this.keys.job(name));
    await until(async () => (await redis().admin.exists(lists)) === 0, {
      what: "the queue to be empty",
      timeoutMs: PATIENCE_MS,
    }).catch(async (cause: unknown) => {
      throw new Error(`left: ${await this.#describeJobs()}`, { cause });
    });
    await Promise.all(this.machines.splice(0).map((machine) => machine.vanish()));
  }

  /** The jobs that Redis holds, and where, for messages. */
  async #describeJobs(): Promise<string> {
    const { admin } = redis();
    const lists = ["wait", "active", "delayed", "prioritized"].map(async (name) => {
      const key = this.keys.job(name);
      const type = await admin.type(key);
      const ids = type === "list" ? await admin.lrange(key, 0, -1) : [];
      return `${name} (${type}): ${(type === "zset" ? await admin.zrange(key, "0", "-1") : ids).join(" ")}`;
    });
    const jobs = (await admin.keys(this.keys.job("m*"))).map(async (key) =>
      (await admin.type(key)) === "hash" ? `${key} ${JSON.stringify(await admin.hgetall(key))}` : key,
    );
    return (await Promise.all([...lists, ...jobs])).join("; ");
  }

  /** No machine keeps what was cancelled, even if it waits behind items that never end. */
  async #expectCancelledToLeave(): Promise<void> {
    const cancelled = this.asked.filter(({ isCancelled }) => isCancelled);
    const ids = new Set(
      cancelled.flatMap(({ id }) => Array.from({ length: ITEMS }, (_, at) => jobIdOf(id, at))),
    );
    const kept = async (): Promise<string[]> => {
      const active = await redis().admin.lrange(this.keys.job("active"), 0, -1);
      return active.filter((id) => ids.has(id));
    };
    await until(async () => (await kept()).length === 0, {
      what: "machines to let go of what was cancelled",
      timeoutMs: PATIENCE_MS,
    }).catch(async (cause: unknown) => {
      throw new Error(`still there: ${(await kept()).join()}`, { cause });
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.machines.splice(0).map((machine) => machine.vanish()));
    await this.#gather?.close(() => {});
    for (const step of this.#close) step();
  }
}

/** One step, which picks by numbers what it is done to. */
type Step = (world: World, pick: number) => Promise<unknown>;

function picked<V>(values: readonly V[], pick: number): V | undefined {
  return values[Math.floor(pick * values.length)];
}

/** Something happens to a host that lives. */
function toHost(harm: (host: FakeHost) => void): Step {
  return async ({ machines }, pick) => {
    const host = picked(
      machines.flatMap(({ alive }) => alive),
      pick,
    );
    if (host !== undefined) harm(host);
    await Promise.resolve();
  };
}

const STEPS: Readonly<Record<string, { readonly weight: number; readonly step: Step }>> = {
  "a map is asked for": {
    weight: 8,
    step: async (world, pick) => {
      // Half of them quick, so that runs are piped ahead; each with and without a time limit.
      const fn = pick < 0.5 ? "quick" : picked(TASKS, (pick - 0.5) * 2);
      await world.ask(fn ?? "quick", Math.floor(pick * 1_000) % 2 === 0);
    },
  },
  "a map is cancelled": {
    weight: 3,
    step: async (world, pick) => {
      const one = picked(world.asked, pick);
      if (one !== undefined) world.cancel(one);
      await Promise.resolve();
    },
  },
  "time passes": { weight: 5, step: (_, pick) => delay(pick * 120) },
  "a host is killed": {
    weight: 2,
    step: toHost((host) => host.end({ exitCode: null, signal: "SIGKILL", outOfMemory: false })),
  },
  "a host says garbage": { weight: 1, step: toHost((host) => host.garbage()) },
  "a host's pipe breaks": { weight: 0.5, step: toHost((host) => host.severed()) },
  "a host goes deaf": { weight: 0.5, step: toHost((host) => void (host.isDeaf = true)) },
  "hosts are retired": {
    weight: 1,
    step: async ({ machines }, pick) => picked(machines, pick)?.retireAll(),
  },
  "a machine starts": {
    weight: 1,
    step: async (world) => {
      if (world.machines.length < 2) await world.startMachine();
    },
  },
  "a machine vanishes": {
    weight: 0.5,
    step: async (world, pick) => {
      const machine = picked(world.machines, pick);
      world.machines = world.machines.filter((other) => other !== machine);
      await machine?.vanish();
    },
  },
  "Redis forgets its scripts": { weight: 0.5, step: () => redis().admin.script("FLUSH") },
  "Redis is full while runs end": {
    weight: 0.5,
    step: async (world) => {
      await world.ask("slow", false);
      const id = `m${world.asked.length - 1}`;
      const isRunning = (): boolean =>
        world.machines.some(({ running }) => running.some(({ map }) => map === id));
      // Where all hosts are taken, none of its items begins.
      await until(isRunning, { what: "an item to run", timeoutMs: 200 }).catch(() => {});
      await redis().admin.config("SET", "maxmemory", "1mb");
      // Longer than they run, and than a map waits before it looks for its jobs.
      await delay(500);
      await redis().admin.config("SET", "maxmemory", "0");
    },
  },
  "Redis is full for a while": {
    weight: 0.5,
    step: async (_, pick) => {
      await redis().admin.config("SET", "maxmemory", "1mb");
      await delay(pick * 200);
      await redis().admin.config("SET", "maxmemory", "0");
    },
  },
  "Redis is wiped": {
    weight: 0.5,
    step: async ({ model }) => {
      model.wasWiped = true;
      await redis().admin.flushall();
    },
  },
};

const step = fc.record({
  name: fc.oneof(
    ...Object.entries(STEPS).map(([name, { weight }]) => ({
      weight: weight * 2,
      arbitrary: fc.constant(name),
    })),
  ),
  pick: fc.nat({ max: 999 }).map((thousandths) => thousandths / 1_000),
});

const shape: fc.Arbitrary<Shape> = fc.record({
  processes: fc.constantFrom(1, 2),
  concurrency: fc.constantFrom(1, 1, 3),
  maxTasksPerChild: fc.constantFrom(0, 0, 3),
});

test(
  "whatever happens to hosts, machines and Redis, each item is told once, innocents are not charged, and what was cancelled stops",
  { timeout: 120_000 },
  async () => {
    const seed = faultSeed();
    let world: World | undefined;
    onTestFinished(() => world?.close());
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 30, size: "max" }),
        shape,
        async (steps, it) => {
          await redis().admin.flushall();
          world = new World(it);
          try {
            await world.start();
            for (const { name, pick } of steps) {
              await STEPS[name]?.step(world, pick);
              world.expectSound();
            }
            await world.expectEnd();
          } finally {
            await world.close();
            world = undefined;
          }
        },
      ),
      { seed, numRuns: RUNS, endOnFailure: true },
    );
  },
);
