/**
 * All lanes of a machine, one for each Redis over which the queue is spread. The machine serves as soon as one lane does,
 * and the others join when their Redis can be reached. Most machines have one lane.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Logger } from "pino";

import type { TasksModuleError } from "@poolmq/shared";
import { settlesWithin } from "@poolmq/shared/internal";
import { agreeOnShards, queueKeys } from "@poolmq/shared/redis";
import type { ShardPlace } from "@poolmq/shared/redis";

import { SharedPlaces } from "../queue/shared-places.ts";
import type { Shard } from "../worker-options.ts";
import { MachineConnections } from "./lane-connections.ts";
import type { LaneConnections } from "./lane-connections.ts";
import { mayPass } from "./reach-redis.ts";
import type { ServedMachine } from "./served-machine.ts";
import { Session } from "./session.ts";

/** How long the machine waits for the other lanes once one serves, in ms. Then it is ready without them. */
const OTHERS_MS = 500;

/** How long to wait for a shard's answer whether the queue is spread over it, in ms. */
const AGREE_MS = 2_000;

/** How long to wait before a lane is tried again whose Redis can be reached but that could not be opened, in ms. */
const TRY_AGAIN_MS = 5_000;

export class Lanes {
  readonly #machine: ServedMachine;
  readonly #log: Logger;
  /** Aborted once the machine takes no new job. */
  readonly #leaving: AbortSignal;
  readonly #connections: MachineConnections;
  /** The crew's places, if several lanes share them. */
  readonly #places: SharedPlaces | undefined;
  /** By shard: its connection, once its Redis was reached. */
  readonly #there: (ShardPlace | undefined)[];
  /** The last check whether the queue is spread over these shards. Lanes check one after the other. */
  #asked: Promise<void> = Promise.resolve();
  /** The sessions of lanes whose Redis was reached. */
  readonly #sessions = new Set<Session>();
  readonly #reached = Promise.withResolvers<void>();
  readonly #crewReady = Promise.withResolvers<void>();
  /** For each shard: fulfilled once its lane serves. */
  #starts: readonly Promise<void>[] = [];
  /** The errors of lanes that failed. */
  readonly #failures: Error[] = [];

  constructor(machine: ServedMachine, log: Logger, leaving: AbortSignal) {
    this.#machine = machine;
    this.#log = log;
    this.#leaving = leaving;
    this.#connections = new MachineConnections(machine.id, leaving, log);
    const { shards } = machine.options;
    this.#there = shards.map(() => undefined);
    this.#places = shards.length === 1 ? undefined : new SharedPlaces(machine.crew.capacity);
  }

  /**
   * Connects to at least one Redis, and checks it. No job is taken yet.
   *
   * @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError, ShardMismatchError
   */
  async open(): Promise<void> {
    const { shards, connectTimeoutMs } = this.#machine.options;
    this.#starts = shards.map((_, at) => this.#start(at, connectTimeoutMs));
    for (const start of this.#starts) start.catch((error: Error) => this.#failures.push(error));
    await Promise.race([this.#reached.promise, first(this.#starts)]);
  }

  /**
   * Begins to take jobs, which the crew can run now. Resolves once one lane takes jobs and the others do too, or
   * `OTHERS_MS` have passed.
   *
   * @throws what `open` throws, of any lane, if only a change of settings can mend it
   */
  async serve(): Promise<void> {
    this.#crewReady.resolve();
    await first(this.#starts);
    await settlesWithin(OTHERS_MS, Promise.allSettled(this.#starts));
    const refusal = this.#failures.find((error) => !mayPass(error));
    if (refusal !== undefined) throw refusal;
    for (const [at, start] of this.#starts.entries()) {
      start.catch(async (error: Error) => await this.#startLater(at, error));
    }
    // Children may have become ready meanwhile.
    this.onCrewChange();
  }

  /** The capacity or the number of ready children has changed. */
  onCrewChange(): void {
    const { capacity } = this.#machine.crew;
    this.#places?.resize(capacity);
    for (const session of this.#sessions) {
      if (this.#places === undefined) session.resize(capacity);
      session.heartbeat.onCrewChange();
    }
  }

  /** Counts since the start. */
  get counts(): Session["counts"] {
    let publishRetries = 0;
    let locksLost = 0;
    for (const { counts } of this.#sessions) {
      publishRetries += counts.publishRetries;
      locksLost += counts.locksLost;
    }
    return { publishRetries, locksLost };
  }

  /** Resolves once one Redis answers a ping. Rejects, or waits, as long as none does. */
  async ping(): Promise<void> {
    if (this.#sessions.size === 0) throw new Error("not connected yet");
    await first(this.#all(async (session) => await session.ping()));
  }

  /** Reports to all shards why none of the children can run anything. */
  async beat(failure: TasksModuleError): Promise<void> {
    await Promise.all(this.#all(async ({ heartbeat }) => await heartbeat.beat(failure)));
  }

  /** Withdraws the machine's advertisements, from each Redis that answers in time. */
  async signOff(timeoutMs: number): Promise<void> {
    await Promise.all(this.#all(async (session) => await session.signOff(timeoutMs)));
  }

  /** Takes no more jobs. Resolves once those in hand have ended. */
  async pause(): Promise<void> {
    await Promise.all(this.#all(async (session) => await session.pause()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all(async (session) => await session.close()));
  }

  #all(step: (session: Session) => Promise<void>): Promise<void>[] {
    return [...this.#sessions].map(step);
  }

  /** @param at - number of the shard */
  async #start(at: number, waitMs: number): Promise<void> {
    const shard = this.#shardAt(at);
    const connections = await this.#connections.open(shard.connection, waitMs);
    try {
      this.#asked = this.#asked.catch(() => {}).then(async () => await this.#agree(at, shard, connections));
      await this.#asked;
    } catch (error) {
      this.#there[at] = undefined;
      connections.release();
      throw error;
    }
    const session = new Session(this.#machine, shard, connections, this.#log, this.#places);
    this.#sessions.add(session);
    this.#reached.resolve();
    await this.#crewReady.promise;
    try {
      await session.serve();
    } catch (error) {
      this.#sessions.delete(session);
      await session.close();
      throw error;
    }
  }

  /**
   * Checks, with the shards that can be reached, whether the queue is spread over exactly these. Only producers make that
   * agreement, because machines may be given a longer list before producers are.
   *
   * @throws ShardMismatchError
   */
  async #agree(at: number, { connection, queue: name }: Shard, { redis }: LaneConnections): Promise<void> {
    const { queue, prefix, shards } = this.#machine.options;
    this.#there[at] = { redis, keys: queueKeys(name, prefix), address: connection.address };
    // Shards that have fallen silent since must not delay the others.
    const places = this.#there.map((place) => (place?.redis.status === "ready" ? place : undefined));
    const addresses = shards.map(({ connection: { address } }) => address);
    const agreed = agreeOnShards(places, { queue, who: "worker machine", addresses, founds: false });
    await Promise.race([agreed, delay(AGREE_MS, undefined, { ref: false })]);
  }

  #shardAt(at: number): Shard {
    const shard = this.#machine.options.shards[at];
    if (shard === undefined) throw new Error(`unreachable: there is no shard ${at}`);
    return shard;
  }

  /** Lets the machine serve without this lane, and opens the lane when that is possible. */
  async #startLater(at: number, error: Error): Promise<void> {
    const { address: redis } = this.#shardAt(at).connection;
    let told: string | undefined;
    for (let reason = error; !this.#leaving.aborted;) {
      const { message } = reason;
      if (message !== told) this.#log.error({ redis, reason: message }, "serving without one Redis");
      told = message;
      try {
        await delay(TRY_AGAIN_MS, undefined, { signal: this.#leaving });
        return await this.#start(at, 0);
      } catch (again) {
        reason = again as Error;
      }
    }
  }
}

/** Resolves once one of them is fulfilled; rejects with the first one's error if none is. */
async function first(starts: readonly Promise<void>[]): Promise<void> {
  try {
    await Promise.any(starts);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}
