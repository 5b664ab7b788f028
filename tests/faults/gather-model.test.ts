/**
 * The gather against a model, in random orders of steps and crashes: real Redis, real scripts, the producer's and the
 * publisher's own classes. Producers and workers are objects here, so that each can crash between any two steps. The
 * states and the invariants stand in `packages/producer/src/gather/gather.ts`.
 */

import { setTimeout as delay } from "node:timers/promises";

import { Gather, MapRun, singles } from "@poolmq/producer/internal";
import { resolveConnection } from "@poolmq/shared/internal";
import {
  completionsOf,
  connect,
  destroyConnection,
  GatherScripts,
  jobIdOf,
  plainJobs,
  queueKeys,
} from "@poolmq/shared/redis";
import type { Completions, QueueKeys } from "@poolmq/shared/redis";
import { Publisher } from "@poolmq/worker/internal";
import { Worker } from "bullmq";
import type { Job } from "bullmq";
import fc from "fast-check";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

import { faultSeed } from "../support/fault-seed.ts";
import { outcomesIn } from "../support/outcomes-in.ts";
import { redisForFile } from "../support/redis-server.ts";
import { uniqueQueue } from "../support/unique.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();

/** Orders of steps that are tried. */
const RUNS = Number(process.env["POOLMQ_FAULT_RUNS"] ?? 60);

const MAP = "m";
const ITEMS = 5;

/** What was done, as far as it decides what may come of it. */
class Model {
  /** Values that runs of an item gave: index times 1,000, plus the number of the run. */
  readonly published = Array.from({ length: ITEMS }, () => new Set<number>());
  /** The first of them since Redis last lost something. */
  readonly first = new Map<number, number>();
  runs = 0;
  /** Redis has lost outcomes: a later run's may be told in place of the first one's. */
  lossy = false;
}

/** A run that a worker has in hand. */
interface Held {
  readonly job: Job;
  readonly index: number;
  readonly value: number;
  readonly token: string;
  published: boolean;
}

/** One process that asks for the map. */
interface Producer {
  readonly told: [index: number, value: unknown][];
  readonly ended: Promise<void>;
  crash(): Promise<void>;
}

class PlainWorker extends Worker<{ at: number }, null> {
  get completions(): Completions {
    const completions = completionsOf(this.backend);
    if (completions === undefined) throw new Error("Expected a worker that keeps no completed jobs");
    return completions;
  }
}

class World {
  readonly keys: QueueKeys;
  readonly admin: Redis;
  readonly held: Held[] = [];
  producer: Producer | undefined;
  readonly #worker: Worker<{ at: number }, null>;
  /** Fetches nothing: it completes jobs as a supervisor does. */
  readonly #plain: PlainWorker;
  readonly #publisher: Publisher;

  constructor(admin: Redis) {
    this.admin = admin;
    this.keys = queueKeys(uniqueQueue("model"));
    const options = {
      connection: admin,
      prefix: this.keys.bullPrefix,
      autorun: false,
      lockDuration: 60_000,
      // Locks expire when the test says so.
      stalledInterval: 1,
      skipStalledCheck: true,
      maxStalledCount: 1_000,
      removeOnComplete: { count: 0 },
    };
    this.#worker = new Worker<{ at: number }, null>(this.keys.bullName, undefined, options);
    this.#worker.on("error", () => {});
    this.#plain = new PlainWorker(this.keys.bullName, undefined, options, plainJobs(admin));
    this.#plain.on("error", () => {});
    this.#publisher = new Publisher(new GatherScripts(admin, this.keys), { refused: () => {} });
  }

  /** Makes the same call as every producer before. */
  async begin(): Promise<void> {
    const resolved = resolveConnection(redis().url, {});
    if (resolved === undefined) throw new Error("No connection");
    const [commands, blocking] = await Promise.all([
      connect(resolved, { role: "commands" }),
      connect(resolved, { role: "blocking" }),
    ]);
    const hooks = { warn: () => {}, alarm: () => {}, cleaning: () => {}, ownWorkers: false };
    const queue = { keys: this.keys, queue: "model", signer: undefined, signatureTtlMs: 60_000 };
    const gather = new Gather(commands, blocking, queue, hooks, { firstMs: 20, tickMs: 5 });
    const told: Producer["told"] = [];
    const ended = Promise.withResolvers<void>();
    const run = new MapRun(
      {
        id: MAP,
        task: "t",
        call: "map",
        input: singles("map", Array(ITEMS).keys()).source,
        length: ITEMS,
        chunkSize: { next: () => 1, measured: () => {}, why: () => "", ahead: Infinity },
        window: { jobs: Infinity, bytes: Infinity, items: Infinity },
        job: {},
        keepsUntilRead: false,
        wholeChunks: true,
        argumentLimit: undefined,
        classes: () => undefined,
        callSite: () => undefined,
      },
      {
        succeeded: (index, value) => void told.push([index, value]),
        failed: (index, error) => void told.push([index, error]),
        ended: (end) => ("error" in end ? ended.reject(end.error) : ended.resolve()),
      },
    );
    const crash = async (): Promise<void> => {
      destroyConnection(commands);
      destroyConnection(blocking);
      await gather.close(() => {});
    };
    ended.promise.catch(() => {}); // looked at where the map should end
    this.producer = { told, ended: ended.promise, crash };
    const chunks = await run.peek();
    const resumed = await gather.durable.claim(MAP, { task: "t", total: ITEMS, keepMs: undefined }, chunks);
    await gather.open(run, "durable", { resumed });
    void run.start(gather);
  }

  async fetch(model: Model): Promise<boolean> {
    const token = `token-${++model.runs}`;
    // A fetch that fails finds a queue that was wiped in between.
    const job = await this.#worker.getNextJob(token, { block: false }).catch(() => undefined);
    if (job === undefined || job === null) return false;
    const index = job.data.at;
    this.held.push({ job, index, token, value: index * 1_000 + model.runs, published: false });
    return true;
  }

  async publish(held: Held, model: Model): Promise<void> {
    const { index, value } = held;
    model.published[index]?.add(value);
    const outcome = { at: index, ms: 1, text: `=[${value}]` };
    const wasDecided = await this.admin.getbit(this.keys.done(MAP), index);
    const wanted = await this.#publisher.publish(MAP, outcome, 60_000);
    if (wanted && wasDecided === 0 && !model.first.has(index)) model.first.set(index, value);
    held.published = true;
  }

  /** What a supervisor does with most jobs: both in one script. */
  async finish(held: Held, model: Model): Promise<void> {
    const { index, value, token, job } = held;
    this.held.splice(this.held.indexOf(held), 1);
    model.published[index]?.add(value);
    const outcome = { at: index, ms: 1, text: `=[${value}]` };
    const wasDecided = await this.admin.getbit(this.keys.done(MAP), index);
    const publication = { mapId: MAP, outcome, ttlMs: 60_000 };
    const { isWanted } = await this.#plain.completions.add({
      id: job.id ?? "",
      token,
      fetchNext: false,
      publication,
    });
    if (isWanted && wasDecided === 0 && !model.first.has(index)) model.first.set(index, value);
  }

  /** BullMQ's word for what a supervisor does once it has published. */
  async acknowledge(held: Held): Promise<void> {
    this.held.splice(this.held.indexOf(held), 1);
    // Its lock may have expired, or Redis may have lost it: then BullMQ refuses, as it should.
    await held.job.moveToCompleted(null, held.token, false).catch(() => {});
  }

  /** Machines that hold jobs are cut off for longer than their locks last: others get the jobs. */
  async expireLocks(): Promise<void> {
    const active = await this.admin.lrange(this.keys.job("active"), 0, -1);
    await Promise.all(active.map((id) => this.admin.del(`${this.keys.job(id)}:lock`)));
    // The first check marks, the second one moves.
    for (let check = 0; check < 2; check++) {
      await this.admin.del(this.keys.job("stalled-check"));
      // Private, because BullMQ calls it by a timer of its own.
      const worker = this.#worker as unknown as { moveStalledJobsToWait(): Promise<void> };
      await worker.moveStalledJobsToWait().catch(() => {});
    }
  }

  /** What Redis holds of the map, for messages. */
  async describe(): Promise<string> {
    const { admin, keys } = this;
    const lists = ["wait", "active", "delayed", "prioritized", "paused"].map(async (name) => {
      const type = await admin.type(keys.job(name));
      return `${name}: ${type === "list" ? (await admin.lrange(keys.job(name), 0, -1)).join(" ") : type}`;
    });
    const jobs = await admin.keys(keys.job(`${MAP}-*`));
    const bits = await Promise.all(
      Array.from({ length: ITEMS }, (_, index) => admin.getbit(keys.done(MAP), index)),
    );
    const entries = (await admin.xrange(keys.out(MAP), "-", "+")).map(([, fields]) => fields.join(" "));
    const found = { jobs: jobs.join(), bits: bits.join(), entries: entries.join() };
    return [...(await Promise.all(lists)), JSON.stringify(found)].join("; ");
  }

  async close(): Promise<void> {
    await this.producer?.crash();
    this.#publisher.close();
    await Promise.all([this.#worker.close(true), this.#plain.close(true)]);
  }
}

const VANISH = `
local id = string.match(KEYS[3], '[^:]+$')
redis.call('LREM', KEYS[1], 0, id)
redis.call('LREM', KEYS[2], 0, id)
return redis.call('DEL', KEYS[3], KEYS[4])`;

/** One step, which picks by a number what it is done to. */
type Step = (model: Model, world: World, pick: number) => Promise<void>;

const STEPS: Readonly<Record<string, { readonly weight: number; readonly step: Step }>> = {
  "a worker fetches a job": { weight: 6, step: async (model, world) => void (await world.fetch(model)) },
  "a worker publishes": {
    weight: 6,
    step: async (model, world, pick) => {
      const held = picked(world.held, pick);
      if (held !== undefined) await world.publish(held, model);
    },
  },
  "a worker acknowledges": {
    weight: 5,
    step: async (_, world, pick) => {
      const held = picked(
        world.held.filter(({ published }) => published),
        pick,
      );
      if (held !== undefined) await world.acknowledge(held);
    },
  },
  "a worker publishes and acknowledges in one step": {
    weight: 4,
    step: async (model, world, pick) => {
      const held = picked(
        world.held.filter(({ published }) => !published),
        pick,
      );
      if (held !== undefined) await world.finish(held, model);
    },
  },
  "a worker crashes": {
    weight: 2,
    step: async (_, world, pick) => {
      const held = picked(world.held, pick);
      if (held !== undefined) world.held.splice(world.held.indexOf(held), 1);
    },
  },
  "locks expire": { weight: 2, step: (_, world) => world.expireLocks() },
  "the producer crashes": {
    weight: 2,
    step: async (_, world) => {
      await world.producer?.crash();
      world.producer = undefined;
    },
  },
  "a producer makes the same call": {
    weight: 3,
    step: async (_, world) => {
      if (world.producer === undefined) await world.begin();
    },
  },
  "time passes": { weight: 2, step: () => delay(30) },
  "Redis is wiped": {
    weight: 1,
    step: async (model, world) => {
      model.lossy = true;
      await world.admin.flushall();
    },
  },
  "the stream vanishes": {
    weight: 1,
    step: async (model, world) => {
      model.lossy = true;
      await world.admin.del(world.keys.out(MAP));
    },
  },
  "an entry vanishes": {
    weight: 1,
    step: async (model, world, pick) => {
      model.lossy = true;
      const entries = await world.admin.xrange(world.keys.out(MAP), "-", "+");
      const entry = picked(entries, pick);
      if (entry !== undefined) await world.admin.xdel(world.keys.out(MAP), entry[0]);
    },
  },
  "a job vanishes": {
    weight: 1,
    step: async (_, world, pick) => {
      const key = world.keys.job(jobIdOf(MAP, Math.floor(pick * ITEMS)));
      const { keys } = world;
      // In one step, as a failover loses it: BullMQ takes an id without its job for a job without data.
      await world.admin.eval(VANISH, 4, keys.job("wait"), keys.job("active"), key, `${key}:lock`);
    },
  },
};

function picked<V>(values: readonly V[], pick: number): V | undefined {
  return values[Math.floor(pick * values.length)];
}

class NamedStep implements fc.AsyncCommand<Model, World> {
  readonly #name: string;
  readonly #pick: number;

  constructor(name: string, pick: number) {
    this.#name = name;
    this.#pick = pick;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, world: World): Promise<void> {
    await STEPS[this.#name]?.step(model, world, this.#pick);
    await expectSound(model, world);
  }

  toString(): string {
    return `${this.#name} (${this.#pick.toFixed(3)})`;
  }
}

/** What holds at any time. */
async function expectSound(model: Model, world: World): Promise<void> {
  const { told } = world.producer ?? { told: [] };
  const indices = told.map(([index]) => index);
  expect(new Set(indices).size, "an item was told twice").toBe(indices.length);
  for (const [index, value] of told) {
    expect([...(model.published[index] ?? [])], `the value told of item ${index}`).toContain(value);
    if (!model.lossy) expect(value, "the value that was published first").toBe(model.first.get(index));
  }
  if (model.lossy) return;
  const entries = await world.admin.xrange(world.keys.out(MAP), "-", "+");
  const outcomes = outcomesIn(entries).filter(([name]) => name === "i");
  expect(new Set(outcomes.map(([, index]) => index)).size, "one outcome a job").toBe(outcomes.length);
}

/** From now on nothing breaks: the map must come to its end. */
async function expectEnd(model: Model, world: World): Promise<void> {
  if (world.producer === undefined) await world.begin();
  const { producer } = world;
  if (producer === undefined) throw new Error("No producer");
  let ended = false;
  void producer.ended.finally(() => (ended = true)).catch(() => {});
  await until(
    async () => {
      if (ended) return true;
      await world.expireLocks();
      while (await world.fetch(model));
      for (let [held] = world.held; held !== undefined; [held] = world.held) {
        await world.publish(held, model);
        await world.acknowledge(held);
      }
      return ended;
    },
    { what: "the map to end", timeoutMs: 8_000, everyMs: 10 },
  ).catch(async (error: unknown) => {
    throw new Error(`told ${JSON.stringify(producer.told)}; Redis holds ${await world.describe()}`, {
      cause: error,
    });
  });
  await producer.ended;
  expect(producer.told.map(([index]) => index).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: ITEMS }, (_, index) => index),
  );
  await expectSound(model, world);
}

test(
  "in any order of steps and crashes, each item is told once, and the map comes to its end",
  { timeout: 90_000 },
  async () => {
    const seed = faultSeed();
    const steps = Object.entries(STEPS).map(([name, { weight }]) => ({
      weight,
      arbitrary: fc.nat({ max: 999 }).map((pick) => new NamedStep(name, pick / 1_000)),
    }));
    const commands = fc.commands([fc.oneof(...steps)], { maxCommands: 40, size: "max" });
    let world: World | undefined;
    onTestFinished(() => world?.close());
    await fc.assert(
      fc.asyncProperty(commands, async (chosen) => {
        await redis().admin.flushall();
        const model = new Model();
        world = new World(redis().admin);
        try {
          await world.begin();
          await fc.asyncModelRun(() => ({ model, real: world as World }), chosen);
          await expectEnd(model, world);
        } finally {
          await world.close();
          world = undefined;
        }
      }),
      { seed, numRuns: RUNS, endOnFailure: true },
    );
  },
);
