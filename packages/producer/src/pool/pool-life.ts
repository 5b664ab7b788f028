/**
 * The life of a pool, and its pending maps.
 *
 * - `open`: takes calls. Leaves to `closing` with `close()`, to `terminated` with `terminate()`.
 * - `closing`: takes only calls that its own items make; ends what it started once the last map has ended. Leaves to
 *   `closed`, or `terminated`.
 * - `terminated`: its maps are cancelled. Leaves to `closed`.
 * - `closed`: nothing is left of it.
 */

import { clearInterval, setInterval } from "node:timers";

import type { Logger } from "pino";

import { CancelledError, InvalidOptionError, InvalidStateError, PoolClosedError } from "@poolmq/shared";
import { inspectBriefly, refusedError } from "@poolmq/shared/internal";

import type { Engine, EngineHost } from "../engine/engine.ts";
import type { Standstill } from "../map/standstill.ts";

/** Where a pool is in its life: `open` takes calls, `closing` finishes them, `terminated` cancels them, `closed` has ended. */
export type PoolState = "open" | "closing" | "terminated" | "closed";

const NEXT_STATES: Readonly<Record<PoolState, readonly PoolState[]>> = {
  open: ["closing", "terminated"],
  closing: ["terminated", "closed"],
  terminated: ["closed"],
  closed: [],
};

/** A map that is under way. */
interface Pending {
  readonly id: string;
  fail(error: unknown): void;
  /** Called when the pool ends: a durable map stays for other processes. Absent: the map fails. */
  leave?(error: unknown): void;
  /** Why it does not come to its end by itself. @param since - when the pool was closed */
  standstill?(now: number, since: number): Standstill | undefined;
}

/** How often a closed pool looks for maps that don't come to their end, in ms. */
const LOOK_FOR_STANDSTILL_MS = 500;

/** The longest interval of a timer. */
const FOREVER_MS = 2 ** 31 - 1;

export class PoolLife implements EngineHost {
  readonly #engine: Pick<Engine, "onIdle" | "end">;
  readonly #logger: Logger | undefined;
  readonly #pending = new Set<Pending>();
  readonly #ended = Promise.withResolvers<void>();
  /**
   * Keeps the process alive while something is pending. It is one timer for all calls, because one for each would cost
   * measurable time.
   */
  readonly #liveness = setInterval(() => {}, FOREVER_MS).unref();
  #state: PoolState = "open";
  /** Number of pending waits that are not maps. */
  #waits = 0;
  #ending = false;
  /** Why no call can succeed any more, because something that the engine needs has ended. */
  #fatal: { readonly error: unknown } | undefined;

  constructor(engine: Pick<Engine, "onIdle" | "end">, logger: Logger | undefined) {
    this.#engine = engine;
    this.#logger = logger;
    this.#ended.promise.catch(() => {}); // join() reports it
  }

  get state(): PoolState {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /**
   * @param isNested - whether an item of the pool makes the call. A closing pool takes it, since the item's map could not
   * end without it
   * @throws PoolClosedError, or the error that `failAll` was given
   */
  checkOpen(call: string, isNested = false): void {
    if (this.#state !== "open" && !(isNested && this.#state === "closing"))
      throw new PoolClosedError({ call, state: this.#state });
    if (this.#fatal !== undefined) throw this.#fatal.error;
  }

  /** Refuses a second reader of a map in one pool: they would take each other's outcomes. @throws InvalidOptionError */
  checkFree(mapId: string): void {
    if (![...this.#pending].some((map) => map.id === mapId)) return;
    throw new InvalidOptionError(
      `Expected \`mapId\` to be free, got ${inspectBriefly(mapId)}, which this pool is running: use the handle that it gave, or that \`attach()\` gives`,
    );
  }

  track(map: Pending): void {
    this.#pending.add(map);
    this.#stayAlive();
  }

  untrack(map: Pending): void {
    this.#pending.delete(map);
    this.#stayAlive();
    this.#endIfIdle();
  }

  async keepAliveWhile<V>(promise: Promise<V>): Promise<V> {
    this.#waits++;
    this.#stayAlive();
    try {
      return await promise;
    } finally {
      this.#waits--;
      this.#stayAlive();
    }
  }

  /** Asks the engine something that is not a map. @throws PoolClosedError, RedisRefusedError */
  async ask<V>(call: string, question: () => Promise<V>): Promise<V> {
    this.checkOpen(call);
    try {
      return await this.keepAliveWhile(question());
    } catch (error) {
      // If the pool ended meanwhile, that closed the connection and caused the error.
      this.checkOpen(call);
      throw refusedError(error);
    }
  }

  failAll(error: unknown): void {
    this.#fatal ??= { error };
    for (const map of this.#pending) map.fail(error);
  }

  warn(message: string, error?: unknown): void {
    if (this.#logger !== undefined) this.#logger.warn(error === undefined ? {} : { err: error }, message);
    else
      process.emitWarning(error === undefined ? message : `${message}: ${inspectBriefly(error)}`, {
        type: "PoolmqWarning",
      });
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#setState("closing");
    this.#endIfIdle();
    this.#endAtStandstill(performance.now());
  }

  /**
   * Ends maps of a closed pool that would never end: streams that nobody reads, and maps whose input gives nothing. A
   * program that left its block by an error, before the loop that reads, would wait for ever, and the error would never
   * be seen.
   */
  #endAtStandstill(since: number): void {
    const told = new Set<Pending>();
    const timer = setInterval(() => {
      if (this.#state !== "closing" || this.#pending.size === 0) return clearInterval(timer);
      const now = performance.now();
      for (const map of this.#pending) {
        const standstill = map.standstill?.(now, since);
        if (standstill === undefined) continue;
        const { reason, advice, isOver } = standstill;
        if (isOver) {
          this.warn(`Map ${map.id} was cancelled: the pool was closed, and ${reason}. ${advice}`);
          const error = new CancelledError({ mapId: map.id, reason: `the pool was closed, and ${reason}` });
          if (map.leave === undefined) map.fail(error);
          else map.leave(error);
        } else if (!told.has(map)) {
          told.add(map);
          this.warn(`Map ${map.id} keeps the closed pool waiting: ${reason}. ${advice}`);
        }
      }
    }, LOOK_FOR_STANDSTILL_MS);
    timer.unref();
  }

  async join(): Promise<void> {
    if (this.#state === "open") {
      throw new InvalidStateError("join() was called on an open pool: call close() or terminate() first");
    }
    await this.#ended.promise;
  }

  async terminate(reason: unknown): Promise<void> {
    if (this.#state === "open" || this.#state === "closing") {
      this.#setState("terminated");
      for (const map of this.#pending) {
        const error = new CancelledError({ mapId: map.id, reason });
        if (map.leave === undefined) map.fail(error);
        else map.leave(error);
      }
      this.#endIfIdle();
    }
    await this.#ended.promise;
  }

  #setState(next: PoolState): void {
    if (!NEXT_STATES[this.#state].includes(next))
      throw new Error(`Illegal transition: ${this.#state} → ${next}`);
    this.#logger?.debug({ from: this.#state, to: next }, "pool state");
    this.#state = next;
    if (next === "closed") clearInterval(this.#liveness);
  }

  /** Keeps the process alive while something is pending; sockets and children do not. */
  #stayAlive(): void {
    const busy = this.#pending.size > 0 || this.#waits > 0;
    if (busy === this.#liveness.hasRef()) return;
    if (busy) this.#liveness.ref();
    else this.#liveness.unref();
    this.#engine.onIdle(!busy);
  }

  #endIfIdle(): void {
    if (this.#state === "open" || this.#state === "closed" || this.#pending.size > 0 || this.#ending) return;
    this.#ending = true;
    void this.#end();
  }

  async #end(): Promise<void> {
    try {
      const hurried = this.#state === "terminated" || this.#fatal !== undefined;
      await this.keepAliveWhile(this.#engine.end(hurried));
      this.#setState("closed");
      this.#ended.resolve();
    } catch (error) {
      this.#ended.reject(error);
    }
  }
}
