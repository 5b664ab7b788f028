/**
 * A soak: producers and worker machines as processes on a real Redis, pools in memory beside them, and faults of all
 * kinds at random.
 *
 *   producers ──▶ TcpProxy ──▶ Redis ◀── TcpProxy ◀── machines        programs with pools in memory
 *       ▲            ▲           ▲                      ▲                          ▲
 *       └────────────┴─ Injector ┴──────────────────────┴──────────────────────────┘
 *
 * There are two queues. On the second one and in the pools in memory, some tasks are evil: they harm the process that
 * runs them.
 *
 * What must hold: every item of every map has exactly one outcome, its own, in its place; no item is charged with a loss
 * that another one caused; nothing hangs or dies; memory and descriptors do not grow; and at the end, Redis holds nothing
 * of the maps, and no process is left.
 */

import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { settlesWithin } from "@poolmq/shared/internal";
import { queueKeys } from "@poolmq/shared/redis";

import { RedisServer } from "../../tests/support/redis-server.ts";
import { TcpProxy } from "../../tests/support/tcp-proxy.ts";
import { Asker } from "./actors/asker.ts";
import type { AskerOptions, EndedMap } from "./actors/asker.ts";
import { Fleet } from "./actors/fleet.ts";
import type { Setting, Site } from "./actors/fleet.ts";
import type { Queue } from "./faults/fault.ts";
import { Injector } from "./faults/injector.ts";
import { planFaults } from "./faults/plan.ts";
import { itemsOf, judge } from "./judge.ts";
import { leftovers, leftProcesses, searchForsaken } from "./leftovers.ts";
import type { SoakReport } from "./report.ts";
import { stopAskers } from "./stop-askers.ts";
import { Used } from "./used.ts";

export interface SoakOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Machines that may be lost, in addition to one that is not, on each of the two queues. @defaultValue [2, 1] */
  readonly machines?: readonly [number, number];
  /** How long everything may take to end after the last fault, in ms. @defaultValue 90 000 */
  readonly patienceMs?: number;
  /** Folder for the logs of all processes; absent: none. */
  readonly logs?: string | undefined;
  /** Called with each line of the log. */
  readonly print?: (line: string) => void;
}

/**
 * How long maps, jobs of producers that were killed, and machines may each take to end after the last fault. A real hang
 * lasts for ever, so a longer time only helps on a computer that is busy with other things.
 */
const PATIENCE_MS = 90_000;

/** Many processes of this fleet are killed at random, which must not fail items. */
const MAIN_WORKERS: Site["workers"] = { processes: 1, concurrency: 3, workerLossAttempts: 50 };

/** One item at a time, so that it is certain which item is to be charged; little memory, so that it is soon exhausted. */
const EVIL_WORKERS: Site["workers"] = {
  processes: 2,
  concurrency: 1,
  workerLossAttempts: 2,
  maxTasksPerChild: 200,
  env: { NODE_OPTIONS: "--max-old-space-size=64" },
};

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { seed, durationMs, machines = [2, 1], patienceMs = PATIENCE_MS, logs, print = () => {} } = options;
  const problems: string[] = [];
  const ended: EndedMap[] = [];
  await using redis = await RedisServer.start({ settings: { appendonly: "yes", appendfsync: "everysec" } });
  await using proxy = await TcpProxy.start(redis, seed);
  const folder = mkdtempSync(join(tmpdir(), "soak-"));
  const stderr = logs === undefined ? undefined : openSync(`${logs}/stderr.log`, "a");
  const onDied = (how: string): void => void problems.push(how);
  const setting: Setting = { url: proxy.url, seed, folder, logs, stderr, onDied };
  const main: Site = { queue: `soak-${seed}`, workers: MAIN_WORKERS };
  const evil: Site = {
    queue: `soak-${seed}-evil`,
    signingKey: "a key of sixteen or more characters",
    workers: EVIL_WORKERS,
  };
  const asker = (site: Site, more: Omit<AskerOptions, "site" | "onEnded">): Asker =>
    new Asker(setting, { site, onEnded: (map) => void ended.push(map), ...more });

  const elder = asker(main, { name: "elder", engine: "Redis" });
  const fleets = [new Fleet(setting, main, machines[0]), new Fleet(setting, evil, machines[1])] as const;
  const queues: readonly Queue[] = [
    {
      keys: queueKeys(main.queue),
      fleet: fleets[0],
      askers: [
        elder,
        asker(main, { name: "durable", engine: "Redis", skewMs: -30_000 }),
        asker(main, { name: "plain", engine: "Redis", skewMs: 30_000 }),
      ],
    },
    {
      keys: queueKeys(evil.queue),
      fleet: fleets[1],
      askers: [asker(evil, { name: "evil", engine: "Redis" })],
    },
  ];
  const inMemory = [
    asker(main, { name: "evil-processes", engine: "processes" }),
    asker(main, { name: "evil-threads", engine: "threads" }),
  ];
  const askers = [...queues.flatMap((queue) => queue.askers), ...inMemory];
  const actors = (): Asker["actor"][] => [
    ...askers.map(({ actor }) => actor),
    ...fleets.flatMap(({ all }) => all.map(({ actor }) => actor)),
  ];
  const watched = {
    producer: elder,
    supervisor: fleets[0].elder,
    "supervisor of evil": fleets[1].elder,
    "pool in memory": inMemory[0],
    "pool of threads": inMemory[1],
  };
  const injector = new Injector({ redis, proxy, queues, inMemory });

  const used = new Used(watched, [redis]);
  const reporter = setInterval(() => {
    const now = [...injector.underWay].join(", ");
    print(`${injector.total} faults, ${ended.length} maps, ${itemsOf(ended)} items${now && `; now: ${now}`}`);
  }, 10_000);

  try {
    const startedAt = performance.now();
    await Promise.all(planFaults(seed, durationMs).map((lane) => injector.run(lane, startedAt)));
    print(`all faults injected; ${ended.length} maps so far`);
    for (const kind of injector.overran)
      print(`given up, because it did not end or could not be done: ${kind}`);

    problems.push(...(await stopAskers(askers, patienceMs)));
    const drainedBy = performance.now() + patienceMs;
    // Jobs of killed producers are still being run.
    const lists = ["wait", "active", "delayed", "prioritized", "turns"] as const;
    for (const { keys } of queues) {
      while ((await redis.admin.exists([keys.turns, ...lists.map((name) => keys.job(name))])) > 0) {
        if (performance.now() > drainedBy) {
          problems.push("the queue is not empty");
          break;
        }
        await delay(50);
      }
    }
    const closing = Promise.all(fleets.map((fleet) => fleet.close()));
    if (!(await settlesWithin(patienceMs, closing))) problems.push("a machine does not end");
    const keysOf = queues.map((queue) => queue.keys);
    await searchForsaken(redis.admin, keysOf);
    const keys = await leftovers(redis.admin, keysOf);
    return {
      faults: injector.total,
      byKind: injector.counts,
      maps: ended.length,
      items: itemsOf(ended),
      leaked: [...keys, ...(await leftProcesses(folder))],
      usage: used.processes,
      redisMib: await used.redisMib(),
      ...judge(ended, injector.damaged, problems),
    };
  } finally {
    used.close();
    clearInterval(reporter);
    for (const actor of actors()) if (actor.isFrozen) actor.freeze(false);
    await Promise.all(actors().map((actor) => actor.kill()));
    if (stderr !== undefined) closeSync(stderr);
    rmSync(folder, { recursive: true, force: true });
  }
}
