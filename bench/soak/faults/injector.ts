/** Injects the faults of a plan, and remembers which items may end in an error because of it. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import type { QueueKeys } from "@poolmq/shared/redis";

import type { RedisServer } from "../../../tests/support/redis-server.ts";
import type { TcpProxy } from "../../../tests/support/tcp-proxy.ts";
import { signalTo } from "../actors/actor.ts";
import type { FaultKind, PlannedFault } from "./plan.ts";
import type { Fleet, Producer } from "../actors/fleet.ts";

/** What faults are done to. */
export interface Stage {
  readonly redis: RedisServer;
  readonly proxy: TcpProxy;
  readonly keys: QueueKeys;
  readonly fleet: Fleet;
  readonly durable: Producer;
  readonly plain: Producer;
}

/** Changes keys only where they exist: a key that a fault created would be left behind. */
const SET_IF_THERE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1`;
const ADD_IF_THERE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[1], '*', unpack(ARGV))
return 1`;

const isScript = ([name = ""]: readonly string[]): boolean => /^evalsha$/i.test(name);

export class Injector {
  readonly counts = new Map<FaultKind, number>();
  readonly #stage: Stage;
  /** Items, as `<map id>#<index>`, whose job or outcome was damaged. */
  readonly #damaged = new Set<string>();
  /** Faults that change Redis or its data wait while it is down. */
  #redisBack: Promise<unknown> = Promise.resolve();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  mayFail(mapId: string, index: number): boolean {
    return this.#damaged.has(`${mapId}#${index}`);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Runs a lane of the plan; resolves when its last fault is over. */
  async run(lane: readonly PlannedFault[], startedAt: number): Promise<void> {
    for (const fault of lane) {
      const waitMs = startedAt + fault.atMs - performance.now();
      if (waitMs > 0) await delay(waitMs);
      if (await this.#inject(fault)) this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    }
  }

  /** False if there was nothing to hit. */
  async #inject(fault: PlannedFault): Promise<boolean> {
    const { kind } = fault;
    switch (kind) {
      case "child killed":
      case "machine killed":
      case "machine frozen":
      case "machine replaced (SIGTERM)":
        return await this.#onMachine(kind, fault);
      case "durable producer killed":
        await this.#stage.durable.killAndReplace();
        return true;
      case "plain producer killed":
        await this.#stage.plain.killAndReplace();
        return true;
      case "corrupt job":
      case "job with corrupt options":
      case "corrupt outcome":
      case "foreign entry":
        await this.#redisBack;
        return await this.#onData(kind, fault);
      case "connections cut":
      case "delay and jitter":
      case "reply lost":
      case "LOADING reply":
      case "links half-open":
        return await this.#onNetwork(kind, fault);
      default: {
        const over = this.#onRedis(kind, fault);
        this.#redisBack = over.catch(() => {});
        await over;
        return true;
      }
    }
  }

  async #onMachine(kind: FaultKind, { pick, forMs }: PlannedFault): Promise<boolean> {
    const { fleet } = this.#stage;
    // Machines are frozen at random, including the one whose memory is watched.
    const any = fleet.all[Math.floor(pick * fleet.all.length)];
    if (kind === "child killed") {
      const [child] = any?.actor.children ?? [];
      if (child !== undefined) signalTo(child, "SIGKILL");
      return child !== undefined;
    }
    if (kind === "machine frozen") {
      any?.actor.freeze(true);
      await delay(forMs);
      any?.actor.freeze(false);
      return any !== undefined;
    }
    const other = fleet.pick(pick);
    if (other === undefined) return false;
    if (kind === "machine killed") await fleet.lose(other);
    // A machine that does not serve yet has nothing to hand over.
    else if (other.isReady) fleet.retire(other);
    else return false;
    return true;
  }

  async #onRedis(kind: FaultKind, { forMs }: PlannedFault): Promise<void> {
    const { redis } = this.#stage;
    switch (kind) {
      case "Redis killed, restarted with its AOF":
        return await redis.restart();
      case "Redis away":
        await redis.kill();
        await delay(forMs);
        return await redis.restart();
      case "Redis restarted without data":
        await redis.kill();
        rmSync(join(redis.folder, "appendonlydir"), { recursive: true, force: true });
        return await redis.restart();
      case "FLUSHALL":
        return void (await redis.admin.flushall());
      case "CLIENT PAUSE":
        return void (await redis.admin.call("CLIENT", "PAUSE", String(forMs), "ALL"));
      case "DEBUG SLEEP":
        return void (await redis.admin.call("DEBUG", "SLEEP", String(forMs / 1_000)));
      case "maxmemory reached":
        await redis.admin.config("SET", "maxmemory", "1mb");
        await delay(forMs);
        return void (await redis.admin.config("SET", "maxmemory", "0"));
      case "primary demoted, promoted":
        // A replica of a primary that does not exist: it keeps its data, and refuses writes.
        await redis.admin.replicaof("127.0.0.1", 1);
        await delay(forMs);
        return void (await redis.admin.replicaof("NO", "ONE"));
      default:
        throw new Error(`unreachable: ${kind} is no fault of Redis`);
    }
  }

  async #onData(kind: FaultKind, { pick }: PlannedFault): Promise<boolean> {
    const { redis, keys } = this.#stage;
    const { admin } = redis;
    const waiting = await admin.llen(keys.job("wait"));
    const jobId = await admin.lindex(keys.job("wait"), Math.floor(pick * waiting));
    if (jobId === null) return false;
    const key = keys.job(jobId);
    const data = readData(await admin.hget(key, "data"));
    if (data === undefined) return false;
    const { map, at, n } = data;
    const damage = async (): Promise<unknown> => {
      switch (kind) {
        case "corrupt job":
          return await admin.eval(SET_IF_THERE, 1, key, "data", "not JSON");
        case "job with corrupt options":
          return await admin.eval(SET_IF_THERE, 1, key, "opts", "not JSON");
        case "corrupt outcome":
          return await admin.eval(ADD_IF_THERE, 1, keys.out(map), "i", at, "o", "rubbish");
        default:
          return await admin.eval(ADD_IF_THERE, 1, keys.out(map), "hello", "world");
      }
    };
    // Recorded before the fault is done: the outcome may arrive before the reply to the command.
    if (kind !== "foreign entry")
      for (let offset = 0; offset < n; offset++) this.#damaged.add(`${map}#${at + offset}`);
    // A Redis that is full or not the primary at this moment refuses it.
    return (await damage().catch(() => 0)) === 1;
  }

  async #onNetwork(kind: FaultKind, { pick, forMs }: PlannedFault): Promise<boolean> {
    const { proxy } = this.#stage;
    switch (kind) {
      case "connections cut":
        proxy.cut();
        return true;
      case "delay and jitter":
        proxy.shape({ delayMs: 5 + 20 * pick, jitterMs: 20 * pick });
        await delay(forMs);
        proxy.shape({});
        return true;
      case "reply lost":
        await proxy.meddle(isScript, { loseReply: true }, 1 + Math.floor(3 * pick));
        return true;
      case "LOADING reply":
        await proxy.meddle(isScript, { answer: "-LOADING Redis is loading the dataset in memory" });
        return true;
      default:
        proxy.drop();
        proxy.restore();
        return true;
    }
  }
}

function readData(text: string | null): { map: string; at: number; n: number } | undefined {
  try {
    return JSON.parse(text ?? "") as { map: string; at: number; n: number };
  } catch {
    return undefined; // it was damaged before
  }
}
