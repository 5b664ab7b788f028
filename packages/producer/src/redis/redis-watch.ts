import type { RefusalReason } from "@poolmq/shared";
import { classifyRefusal, refusedError } from "@poolmq/shared/internal";

interface RedisWatchHooks {
  /** Logs an error that passes. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Reports something that a person should look at. */
  alarm(message: string): void;
  /** Whether to report that Redis does not answer. @defaultValue true */
  readonly tellsSilence?: boolean;
}

/** The Redis that is watched. */
interface WatchedRedis {
  /**
   * Sends a command that changes nothing but is refused whenever writing is, also because memory is full. A map whose
   * jobs were all sent has nothing else to ask Redis, and would not notice that its workers can't publish.
   */
  write(): Promise<unknown>;
  /** The answer of a server that is not the primary. The command is sent again then, and gets no answer here. */
  wrongServer(): { readonly error: Error; readonly at: number } | undefined;
}

interface NotedRefusal {
  readonly error: unknown;
  readonly at: number;
  /** Whether Redis refuses all writes. */
  readonly isOfWrites?: boolean;
}

/**
 * After this many looks, half a second apart, it is reported that maps wait for Redis. Looks are counted and not time,
 * because while the program computes, answers wait in the socket.
 */
const PATIENCE_LOOKS = 6;

/** A refused command is sent again within a second. So a refusal that is older than this, in ms, is over. */
const REFUSAL_MS = 2_500;

/** Refusals that do not pass by themselves. If only such refusals come, the maps end with that error. */
const LASTING: ReadonlySet<RefusalReason> = new Set(["auth", "permission"]);

/**
 * Reports to the app once, within seconds, that its maps wait for a Redis that does not answer or refuses what they need,
 * and why. Otherwise, an outage would look like slow work.
 */
export class RedisWatch {
  readonly #redis: WatchedRedis;
  readonly #hooks: RedisWatchHooks;
  #isOwed = false;
  /** Number of looks since Redis last answered. */
  #unanswered = 0;
  /** Number of looks since it began to refuse. */
  #refused = 0;
  #refusal: NotedRefusal | undefined;
  /** When Redis was last written to. */
  #wroteAt = -Infinity;
  #isTold = false;

  constructor(redis: WatchedRedis, hooks: RedisWatchHooks) {
    this.#redis = redis;
    this.#hooks = hooks;
  }

  /** Passes a warning on, and notes a refusal by Redis. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void {
    this.#hooks.warn(facts, message);
    if (facts["err"] instanceof Error) this.#refusal = { error: facts["err"], at: performance.now() };
  }

  /** Whether Redis refuses commands. Workers can't sign on then, so that there seem to be none. */
  get isRefusing(): boolean {
    const wrong = this.#redis.wrongServer();
    if (wrong !== undefined && wrong.at > this.#wroteAt) this.#refusal = { ...wrong, isOfWrites: true };
    return this.#refusal !== undefined && performance.now() - this.#refusal.at < REFUSAL_MS;
  }

  /**
   * @param maps - number of maps under way
   * @returns the error with which they end, if Redis refuses what they need and that does not pass
   */
  look(maps: number): unknown {
    if (maps === 0) {
      this.#reset();
      return undefined;
    }
    this.#ask();
    const { isRefusing } = this;
    const { reason, detail, advice } = classifyRefusal(this.#refusal?.error);
    this.#refused = isRefusing && reason !== "connection" ? this.#refused + 1 : 0;
    if (this.#refused >= PATIENCE_LOOKS) {
      if (LASTING.has(reason)) return refusedError(this.#refusal?.error);
      this.#tell(`Redis refuses what is asked of it: ${detail}`, maps, advice);
    } else if (this.#refused === 0 && this.#isOwed && this.#unanswered >= PATIENCE_LOOKS) {
      if (this.#hooks.tellsSilence !== false)
        this.#tell(
          "Redis does not answer",
          maps,
          `${maps === 1 ? "It goes" : "They go"} on when Redis is back`,
        );
    } else if (this.#refused === 0 && this.#unanswered <= 1) this.#isTold = false;
    return undefined;
  }

  #tell(what: string, maps: number, advice: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#hooks.alarm(`${what}, so ${maps === 1 ? "a map waits" : `${maps} maps wait`} for it. ${advice}.`);
  }

  #ask(): void {
    this.#unanswered++;
    if (this.#isOwed) return;
    this.#isOwed = true;
    const answered = (): void => {
      this.#isOwed = false;
      this.#unanswered = 0;
    };
    const wrote = (): void => {
      answered();
      this.#wroteAt = performance.now();
      if (this.#refusal?.isOfWrites === true) this.#refusal = undefined;
    };
    this.#redis.write().then(wrote, (error: unknown) => {
      // An error is an answer too.
      answered();
      const { reason } = classifyRefusal(error);
      // A login that may not run this command may still be allowed everything that maps need.
      if (reason === "connection" || reason === "permission") return;
      this.#refusal = { error, at: performance.now(), isOfWrites: true };
    });
  }

  #reset(): void {
    this.#unanswered = 0;
    this.#refused = 0;
    this.#refusal = undefined;
    this.#isTold = false;
  }
}
