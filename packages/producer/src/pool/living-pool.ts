/** A pool without its calls: its start, shared values, counts and end. */

import { InvalidStateError } from "@poolmq/shared";

import { callContext } from "../call/call-context.ts";
import type { CallContext, PoolParts } from "../call/call-context.ts";
import type { Engine, EngineHost, PoolStats } from "../engine/engine.ts";
import { Shared } from "../input/shared.ts";
import { PoolLife } from "./pool-life.ts";
import type { PoolState } from "./pool-life.ts";

/** Gives the context of a pool's calls, which only their code may use. */
export let contextOf: (pool: LivingPool) => CallContext;

export abstract class LivingPool implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #life: PoolLife;
  readonly #context: CallContext;

  static {
    contextOf = (pool) => pool.#context;
  }

  /** @internal */
  constructor(parts: PoolParts, startEngine: (host: EngineHost) => Engine) {
    this.#life = new PoolLife(
      { onIdle: (idle) => this.#engine.onIdle(idle), end: (hurried) => this.#engine.end(hurried) },
      parts.logger,
    );
    this.#engine = startEngine(this.#life);
    this.#context = callContext(parts, this.#life, this.#engine);
  }

  /** State of the pool's life. */
  get state(): PoolState {
    return this.#life.state;
  }

  /**
   * Sends a large value once; the handle can be any argument of any number of items, whose functions get the value.
   * Workers fetch it once per machine. A function must not change it, because all items of its process share it. It is
   * removed when the pool ends.
   *
   * A `SharedArrayBuffer`, or a view of one, is not copied for threads: all of them share the caller's memory.
   *
   * @throws SerializationError, LimitError (`maxShareBytes`), PoolClosedError
   * @example
   * ```ts
   * const weights = await pool.share(new Float64Array([1, 2, 3]));
   * const scores = await pool.starmap("score", [[weights, 10], [weights, 20]]);
   * console.log(scores); // [ 60, 120 ]
   * ```
   */
  async share<V>(value: V): Promise<Shared<V>> {
    const id = await this.#life.ask("share", () => this.#engine.share(value));
    return new Shared<V>(id, async () => {
      if (this.#life.isOpen) await this.#life.keepAliveWhile(this.#engine.unshare(id)); // else the pool removes it
    });
  }

  /**
   * Waits until workers have loaded the tasks module.
   *
   * @param minWorkers - number of worker processes, on all machines; of a `ThreadPool`, of threads @defaultValue 1
   * @throws InvalidOptionError, PoolClosedError, RedisConnectionError, RedisRefusedError; TasksModuleError if the pool's
   * own workers can't load it
   */
  async ready(minWorkers = 1): Promise<void> {
    await this.#life.ask("ready", () => this.#engine.ready(minWorkers));
    this.#life.checkOpen("ready");
  }

  /**
   * Gives counts of jobs and workers, and what this pool has measured.
   *
   * @throws PoolClosedError, RedisConnectionError, RedisRefusedError
   */
  async stats(): Promise<PoolStats> {
    return await this.#life.ask("stats", () => this.#engine.stats());
  }

  /** Takes no new calls from now on; the pool ends by itself once its maps have ended. May be called twice. */
  close(): void {
    this.#life.close();
  }

  /**
   * Waits until a closed pool has finished its maps and ended what it started.
   *
   * @throws InvalidStateError if neither `close()` nor `terminate()` was called, or if an item of this pool calls it
   */
  async join(): Promise<void> {
    if (this.#engine.caller?.("join")?.mayBeWaitedFor === true) {
      throw new InvalidStateError(
        "join() was called by an item of this very pool, which ends only after its items: it would wait for itself. Call it outside of tasks",
      );
    }
    await this.#life.join();
  }

  /**
   * Cancels this pool's maps (nobody else's) and ends what it started: their handles reject with a `CancelledError`.
   *
   * @param reason - becomes the `cause` of that error
   */
  async terminate(reason?: unknown): Promise<void> {
    await this.#life.terminate(reason ?? "the pool was terminated");
  }

  /** `close()`, then `join()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.join();
  }
}
