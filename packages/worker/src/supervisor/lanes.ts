/**
 * The lanes of a machine, one for each Redis over which its pool is spread, as one: the machine serves as soon as one of
 * them does, and the others join when their Redis is there. Most machines have one.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Logger } from "pino";

import type { TasksModuleError } from "@poolmq/shared";
import { settlesWithin } from "@poolmq/shared/internal";
import { agreeOnShards, destroyConnection, queueKeys } from "@poolmq/shared/redis";
import type { ShardPlace } from "@poolmq/shared/redis";

import { SharedPlaces } from "../queue/shared-places.ts";
import type { Shard } from "../worker-options.ts";
import { openLane } from "./lane-connections.ts";
import type { LaneConnections } from "./lane-connections.ts";
import { mayPass } from "./reach-redis.ts";
import type { ServedMachine } from "./served-machine.ts";
import { Session } from "./session.ts";

/** Once one lane serves, the machine waits so long for the others, in ms: then it is ready without them. */
const OTHERS_MS = 500;

/** A shard that does not answer within this, in ms, is asked no longer whether the queue is spread over it. */
const AGREE_MS = 2_000;

/** A lane that could not be opened for another reason than that its Redis is away is tried again after this long, in ms. */
const TRY_AGAIN_MS = 5_000;

export class Lanes {
  readonly #machine: ServedMachine;
  readonly #log: Logger;
  /** Aborted once the machine takes nothing new. */
  readonly #leaving: AbortSignal;
  /** Where more than one lane has some of the crew's places. */
  readonly #places: SharedPlaces | undefined;
  /** By shard: where it is, once its Redis was reached. */
  readonly #there: (ShardPlace | undefined)[];
  /** The last question whether the queue is spread over these shards: lanes ask one after the other. */
  #asked: Promise<void> = Promise.resolve();
  /** Those whose Redis was reached. */
  readonly #sessions = new Set<Session>();
  readonly #reached = Promise.withResolvers<void>();
  readonly #crewReady = Promise.withResolvers<void>();
  /** Of each shard: fulfilled once its lane serves. */
  #starts: readonly Promise<void>[] = [];
  /** Why some of them failed. */
  readonly #failures: Error[] = [];

  constructor(machine: ServedMachine, log: Logger, leaving: AbortSignal) {
    this.#machine = machine;
    this.#log = log;
    this.#leaving = leaving;
    const { shards } = machine.options;
    this.#there = shards.map(() => undefined);
    this.#places = shards.length === 1 ? undefined : new SharedPlaces(machine.crew.capacity);
  }

  /**
   * Reaches one Redis at least, and checks it. No job is taken yet.
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
   * Begins to take jobs, as the crew can run them now. Resolves once one lane does, and those of the others that need no
   * longer than a moment.
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
    // Children may have become ready in between.
    this.onCrewChange();
  }

  /** More or less is worth fetching, or another number of children is ready. */
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

  /** Resolves once one Redis gives a sign of life. Rejects, or waits as long as none does. */
  async ping(): Promise<void> {
    if (this.#sessions.size === 0) throw new Error("not connected yet");
    await first(this.#all(async (session) => await session.ping()));
  }

  /** Tells why none of the children can run anything. */
  async beat(failure: TasksModuleError): Promise<void> {
    await Promise.all(this.#all(async ({ heartbeat }) => await heartbeat.beat(failure)));
  }

  /** Withdraws the machine's advertisements, as far as Redis answers within that time. */
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

  /** @param at - which of the shards */
  async #start(at: number, waitMs: number): Promise<void> {
    const shard = this.#shardAt(at);
    const reaching = { waitMs, signal: this.#leaving, log: this.#log };
    const connections = await openLane(shard.connection, this.#machine.id, reaching);
    try {
      this.#asked = this.#asked.catch(() => {}).then(async () => await this.#agree(at, shard, connections));
      await this.#asked;
    } catch (error) {
      this.#there[at] = undefined;
      destroyConnection(connections.subscriber);
      destroyConnection(connections.redis);
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
   * Asks those shards that are there whether the queue is spread over these, and no others. Only producers agree on it:
   * machines may get a longer list before them.
   *
   * @throws ShardMismatchError
   */
  async #agree(at: number, { connection, queue: name }: Shard, { redis }: LaneConnections): Promise<void> {
    const { queue, prefix, shards } = this.#machine.options;
    this.#there[at] = { redis, keys: queueKeys(name, prefix), address: connection.address };
    // Those that have fallen silent since must not hold up the others.
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

  /** The machine serves without this lane, and takes it up once it can be opened. */
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
