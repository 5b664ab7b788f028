/** The stage on which a row is measured: a Redis server of its own, and the competitors that it needs. */

import type { Setup } from "../competitors/operations.ts";
import { Competitor, NotInstalledError } from "./competitor.ts";
import type { ProgramName } from "./competitors.ts";
import { RedisServer } from "./redis-server.ts";

const PROCESSES = 2;

type StartOptions = Partial<Setup>;

export class Stage implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly quick: boolean;
  /** Competitors that did not take part, and why. */
  readonly skipped: string[] = [];
  readonly #servers: RedisServer[] = [];
  readonly #running = new Set<AsyncDisposable>();

  private constructor(redis: RedisServer, quick: boolean) {
    this.redis = redis;
    this.#servers.push(redis);
    this.quick = quick;
  }

  static async open({ quick }: { readonly quick: boolean }): Promise<Stage> {
    return new Stage(await RedisServer.start(), quick);
  }

  /** Gives the size for a whole run, or the smaller one for a quick run. */
  size(whole: number, quick: number): number {
    return this.quick ? quick : whole;
  }

  /** Starts a competitor; gives `undefined` if it is not installed. */
  async start(name: ProgramName, options: StartOptions = {}): Promise<Competitor | undefined> {
    try {
      const setup = { redis: this.redis.url, processes: PROCESSES, concurrency: 1, ...options };
      const competitor = await Competitor.start(name, setup);
      this.#running.add(competitor);
      return competitor;
    } catch (error) {
      if (!(error instanceof NotInstalledError)) throw error;
      this.skipped.push(error.message);
      return undefined;
    }
  }

  /** Starts a competitor that needs nothing to be installed. */
  async need(name: ProgramName, options?: StartOptions): Promise<Competitor> {
    const competitor = await this.start(name, options);
    if (competitor === undefined) throw new Error(`unreachable: ${name} comes with the bench`);
    return competitor;
  }

  /** Starts another Redis server for the row. */
  async anotherRedis(): Promise<RedisServer> {
    const server = await RedisServer.start();
    this.#servers.push(server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((competitor) => competitor[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
