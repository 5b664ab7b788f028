/**
 * A soak: producers and worker machines as processes on a real Redis, and faults of all kinds at random.
 *
 *   producers ──▶ TcpProxy ──▶ Redis ◀── TcpProxy ◀── machines
 *       ▲            ▲           ▲                      ▲
 *       └────────────┴─ Injector ┴──────────────────────┘
 *
 * What must hold: every item of every map has one outcome, its own, in its place; nothing hangs; memory does not grow;
 * and when all is over, Redis holds nothing of the maps any more.
 */

import { setTimeout as delay } from "node:timers/promises";

import { queueKeys } from "@poolmq/shared/redis";

import { RedisServer } from "../../tests/support/redis-server.ts";
import { TcpProxy } from "../../tests/support/tcp-proxy.ts";
import { planFaults } from "./faults/plan.ts";
import type { FaultKind } from "./faults/plan.ts";
import { Fleet, Producer } from "./actors/fleet.ts";
import type { EndedMap, FleetOptions } from "./actors/fleet.ts";
import { Injector } from "./faults/injector.ts";
import { leftovers } from "./leftovers.ts";

export interface SoakOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Machines that may be lost, beside one that is not. @defaultValue 2 */
  readonly machines?: number;
  /** Folder for the logs of all processes; absent: none. */
  readonly logs?: string | undefined;
  /** Is told of what goes on, line by line. */
  readonly print?: (line: string) => void;
}

export interface SoakReport {
  readonly faults: number;
  readonly byKind: ReadonlyMap<FaultKind, number>;
  readonly maps: number;
  readonly items: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly wrong: number;
  readonly outOfOrder: number;
  /** Items that ended in an error because a fault had damaged their job or their outcome. */
  readonly damaged: number;
  /** What went wrong, in words. */
  readonly problems: readonly string[];
  /** Keys that are left in Redis and should not be. */
  readonly leaked: readonly string[];
  /** Growth per minute and last value of what is not freed, in MiB. */
  readonly memory: Readonly<Record<"producer" | "supervisor", Record<"rss" | "heap", Trend>>>;
  /** Most that Redis used, and what it uses at the end, in MiB. */
  readonly redisMib: { readonly most: number; readonly last: number };
}

export interface Trend {
  readonly perMinute: number;
  readonly last: number;
  readonly samples: number;
}

const SAMPLE_MS = 2_500;

/** How long the maps that run at the end may take, once no faults are injected any more. */
const SETTLE_MS = 90_000;
/** How long jobs of producers that were killed may take. */
const DRAIN_MS = 60_000;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { seed, durationMs, machines = 2, logs, print = () => {} } = options;
  const problems: string[] = [];
  const ended: EndedMap[] = [];
  await using redis = await RedisServer.start({ settings: { appendonly: "yes", appendfsync: "everysec" } });
  await using proxy = await TcpProxy.start(redis, seed);
  const queue = `soak-${seed}`;
  const keys = queueKeys(queue);
  const onEnded = (map: EndedMap): void => void ended.push(map);
  const fleetOptions: FleetOptions = { url: proxy.url, queue, seed, logs, onEnded };
  const fleet = new Fleet(fleetOptions, machines);
  const [elder, durable, plain] = ["elder", "durable", "plain"].map(
    (name) => new Producer(fleetOptions, name),
  ) as [Producer, Producer, Producer];
  const producers = [elder, durable, plain];
  const injector = new Injector({ redis, proxy, keys, fleet, durable, plain });

  let redisMost = 0;
  const usedMib = async (): Promise<number> => {
    const used = /used_memory:(\d+)/.exec(await redis.admin.info("memory"))?.[1];
    return Number(used ?? 0) / 2 ** 20;
  };
  const sampler = setInterval(() => {
    for (const { actor } of [elder, fleet.elder]) actor.send({ t: "memory" });
    usedMib().then(
      (mib) => (redisMost = Math.max(redisMost, mib)),
      () => {}, // it is down
    );
  }, SAMPLE_MS);
  const reporter = setInterval(() => {
    print(`${injector.total} faults, ${ended.length} maps, ${sum(ended, ({ items }) => items)} items`);
  }, 10_000);

  try {
    const startedAt = performance.now();
    await Promise.all(planFaults(seed, durationMs).map((lane) => injector.run(lane, startedAt)));
    print(`all faults injected; ${ended.length} maps so far`);

    for (const { actor } of producers) actor.send({ t: "stop" });
    if (!(await within(SETTLE_MS, Promise.all(producers.map(({ actor }) => actor.exited))))) {
      for (const { name, actor, current } of producers) {
        if (!actor.isGone) problems.push(`producer ${name} hangs at map ${JSON.stringify(current)}`);
      }
    }
    const drainedBy = performance.now() + DRAIN_MS;
    // Jobs of killed producers are still run.
    while ((await redis.admin.exists(keys.job("wait"), keys.job("active"), keys.job("delayed"))) > 0) {
      if (performance.now() > drainedBy) {
        problems.push("the queue is not empty");
        break;
      }
      await delay(50);
    }
    if (!(await within(SETTLE_MS, fleet.close()))) problems.push("a machine does not end");
    const leaked = await leftovers(redis.admin, keys);
    const report = {
      faults: injector.total,
      byKind: injector.counts,
      maps: ended.length,
      items: sum(ended, ({ items }) => items),
      leaked,
      memory: {
        producer: { rss: elder.memory.trend("rss"), heap: elder.memory.trend("heap") },
        supervisor: { rss: fleet.elder.memory.trend("rss"), heap: fleet.elder.memory.trend("heap") },
      },
      redisMib: { most: redisMost, last: await usedMib() },
    };
    return { ...report, ...judge(ended, injector, problems) };
  } finally {
    clearInterval(sampler);
    clearInterval(reporter);
    const actors = [...producers, ...fleet.all].map(({ actor }) => actor);
    for (const actor of actors) if (actor.isFrozen) actor.freeze(false);
    await Promise.all(actors.map((actor) => actor.kill()));
  }
}

/** Adds up what was wrong with the maps; an odd error that no fault explains is wrong. */
function judge(
  ended: readonly EndedMap[],
  injector: Injector,
  problems: readonly string[],
): Pick<SoakReport, "lost" | "duplicated" | "wrong" | "outOfOrder" | "damaged" | "problems"> {
  const told = [...problems];
  let damaged = 0;
  let unexplained = 0;
  for (const { kind, tag, mapId, verdict } of ended) {
    if (verdict.first !== undefined) told.push(`${kind} ${tag}: ${verdict.first}`);
    // Items that had not ended when their map was cancelled end in a CancelledError.
    const odd = verdict.odd.filter(({ code }) => !(kind === "cancelled" && code === "CANCELLED"));
    const strange = odd.filter(({ index }) => !injector.mayFail(mapId, index));
    damaged += odd.length - strange.length;
    unexplained += strange.length;
    const [first] = strange;
    if (first === undefined) continue;
    const { index, code, message } = first;
    told.push(
      `${kind} ${tag} (${mapId}): ${strange.length} items ended in an error that no fault explains; item ${index} in ${code}: ${message}`,
    );
  }
  return {
    lost: sum(ended, ({ verdict }) => verdict.lost),
    duplicated: sum(ended, ({ verdict }) => verdict.duplicated),
    wrong: sum(ended, ({ verdict }) => verdict.wrong) + unexplained,
    outOfOrder: sum(ended, ({ verdict }) => verdict.outOfOrder),
    damaged,
    problems: told,
  };
}

function sum<V>(values: readonly V[], of: (value: V) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

/** True if the promise has resolved within this time. */
async function within(timeoutMs: number, promise: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const timeout = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([promise.then(() => true), timeout]);
  timer.abort();
  return ended;
}
