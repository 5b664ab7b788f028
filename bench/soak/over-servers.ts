/**
 * A soak of one pool over several Redis servers, of which one after the other is killed and brought back:
 *
 *   producers ──▶ Redis, Redis, Redis ◀── machines
 *                   └───── kills ─────┘
 *
 * What must hold is what must hold of the soak on one Redis: every item of every map has one outcome, its own, in its
 * place; nothing hangs, dies or grows; and when all is over, no server holds anything of the maps any more.
 */

import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { settlesWithin } from "@poolmq/shared/internal";
import { queueKeys } from "@poolmq/shared/redis";

import { seededRandom } from "../../tests/support/random.ts";
import { RedisServer } from "../../tests/support/redis-server.ts";
import { Asker } from "./actors/asker.ts";
import type { EndedMap } from "./actors/asker.ts";
import { Fleet } from "./actors/fleet.ts";
import type { Setting } from "./actors/fleet.ts";
import { DamagedItems } from "./faults/damaged-items.ts";
import { itemsOf, judge } from "./judge.ts";
import { leftovers, leftProcesses } from "./leftovers.ts";
import type { SoakReport } from "./report.ts";
import { stopAskers } from "./stop-askers.ts";
import { Used } from "./used.ts";

export interface ServersSoakOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** @defaultValue 3 */
  readonly servers?: number;
  /** One server is killed in each such time, in ms. @defaultValue 20,000 */
  readonly everyMs?: number;
  /** Worker machines. @defaultValue 2 */
  readonly machines?: number;
  /** How long the maps that run at the end may take, in ms, and then the machines. @defaultValue 90,000 */
  readonly patienceMs?: number;
  /** Folder for the logs of all processes; absent: none. */
  readonly logs?: string | undefined;
  /** Is told of what goes on, line by line. */
  readonly print?: (line: string) => void;
}

/** A server is killed, and is away for a while. */
interface Kill {
  /** After the start, in ms. */
  readonly atMs: number;
  readonly server: number;
  readonly awayMs: number;
  /** It comes back with nothing of what it held. */
  readonly isEmpty: boolean;
}

const EVERY_MS = 20_000;

/** How long what is left of jobs may take, once no map runs any more. */
const DRAIN_MS = 60_000;

/** The kills of a seed: one in each period, so that one server is away at a time. */
function planKills(seed: number, durationMs: number, servers: number, everyMs = EVERY_MS): Kill[] {
  const random = seededRandom(seed);
  return Array.from({ length: Math.floor(durationMs / everyMs) }, (_, period) => ({
    atMs: Math.round((period + 0.5 * random()) * everyMs),
    server: Math.floor(random() * servers),
    awayMs: Math.round((0.1 + 0.35 * random()) * everyMs),
    isEmpty: random() < 1 / 3,
  }));
}

export async function soakOverServers({
  seed,
  durationMs,
  servers: count = 3,
  everyMs = EVERY_MS,
  machines = 2,
  patienceMs = 90_000,
  logs,
  print = () => {},
}: ServersSoakOptions): Promise<SoakReport> {
  const problems: string[] = [];
  const ended: EndedMap[] = [];
  const settings = { appendonly: "yes", appendfsync: "everysec" } as const;
  const servers = await Promise.all(Array.from({ length: count }, () => RedisServer.start({ settings })));
  const folder = mkdtempSync(join(tmpdir(), "soak-"));
  const stderr = logs === undefined ? undefined : openSync(`${logs}/stderr.log`, "a");
  const setting: Setting = {
    url: servers.map(({ url }) => url),
    seed,
    folder,
    logs,
    stderr,
    onDied: (how) => void problems.push(how),
  };
  const queue = `soak-${seed}`;
  const workers = { processes: 1, concurrency: 3, workerLossAttempts: 50 };
  const fleet = new Fleet(setting, { queue, workers }, machines - 1);
  const askers = ["elder", "plain", "durable"].map(
    (name) =>
      new Asker(setting, { name, engine: "Redis", site: { queue }, onEnded: (map) => void ended.push(map) }),
  );
  const actors = (): Asker["actor"][] => [...askers, ...fleet.all].map(({ actor }) => actor);
  const byKind = new Map<string, number>();

  const used = new Used({ producer: askers[0], supervisor: fleet.elder }, servers);
  const reporter = setInterval(() => print(`${ended.length} maps, ${itemsOf(ended)} items`), 10_000);

  try {
    const startedAt = performance.now();
    for (const { atMs, server: which, awayMs, isEmpty } of planKills(seed, durationMs, count, everyMs)) {
      const server = servers[which];
      if (server === undefined) continue;
      await delay(Math.max(0, startedAt + atMs - performance.now()));
      const how = isEmpty ? "without its data" : "with its data";
      print(`server ${which} is killed, and back after ${awayMs} ms ${how}`);
      await server.kill();
      await delay(awayMs);
      // Emptied before anybody can reach it: what it held is gone with one blow.
      if (isEmpty) rmSync(join(server.folder, "appendonlydir"), { recursive: true, force: true });
      await server.restart();
      byKind.set(how, (byKind.get(how) ?? 0) + 1);
    }
    await delay(Math.max(0, startedAt + durationMs - performance.now()));
    print(`no server is killed any more; ${ended.length} maps so far`);

    problems.push(...(await stopAskers(askers, patienceMs)));
    const keys = queueKeys(queue);
    const lists = ["wait", "active", "delayed", "prioritized"].map((name) => keys.job(name));
    const drainedBy = performance.now() + DRAIN_MS;
    for (const { admin } of servers) {
      while ((await admin.exists(keys.turns, ...lists)) > 0 && performance.now() < drainedBy) await delay(50);
    }
    if (performance.now() > drainedBy) problems.push("the queue is not empty");
    if (!(await settlesWithin(patienceMs, fleet.close()))) problems.push("a machine does not end");
    const left = await Promise.all(servers.map(async ({ admin }) => await leftovers(admin, [keys])));
    // Each server says for good which queue it is a part of.
    const leaked = left.flat().filter((key) => !key.startsWith(`${keys.shards} `));
    return {
      faults: [...byKind.values()].reduce((sum, kills) => sum + kills, 0),
      byKind: new Map([...byKind].map(([how, kills]) => [`server killed, and back ${how}`, kills])),
      maps: ended.length,
      items: itemsOf(ended),
      leaked: [...leaked, ...(await leftProcesses(folder))],
      usage: used.processes,
      redisMib: await used.redisMib(),
      ...judge(ended, new DamagedItems(), problems),
    };
  } finally {
    used.close();
    clearInterval(reporter);
    await Promise.all(actors().map((actor) => actor.kill()));
    await Promise.all(servers.map((server) => server.stop()));
    if (stderr !== undefined) closeSync(stderr);
    rmSync(folder, { recursive: true, force: true });
  }
}
