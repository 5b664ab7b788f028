import type { RefusalReason } from "@poolmq/shared";
import { classifyRefusal, refusedError } from "@poolmq/shared/internal";

interface RedisWatchHooks {
  /** Something went wrong that passes. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Something that a person should look at. */
  alarm(message: string): void;
  /** Whether to tell that Redis does not answer. @defaultValue true */
  readonly tellsSilence?: boolean;
}

/** What is asked of Redis. */
interface WatchedRedis {
  /**
   * Sends a command that changes nothing, and is refused where writing is, also because memory is full: a map all of whose
   * jobs were sent asks nothing more of Redis, and would not know that its workers can't publish.
   */
  write(): Promise<unknown>;
  /** What it answered, if it is not the primary: the command is sent again then, and gets no answer. */
  wrongServer(): { readonly error: Error; readonly at: number } | undefined;
}

interface NotedRefusal {
  readonly error: unknown;
  readonly at: number;
  /** Redis refuses to be written to. */
  readonly isOfWrites?: boolean;
}

/**
 * Maps that wait for Redis are told of after so many looks, half a second apart. Looks are counted, and not time: while
 * the program computes, answers wait in the socket, and Redis is not to blame.
 */
const PATIENCE_LOOKS = 6;

/** What is refused is asked for again within a second: a refusal that is older than this is over. */
const REFUSAL_MS = 2_500;

/** What no server refuses by mistake or for a moment: if nothing but such a refusal comes, the maps end with it. */
const LASTING: ReadonlySet<RefusalReason> = new Set(["auth", "permission"]);

/**
 * Tells the app once, within seconds, that its maps wait for a Redis that does not answer or refuses what they need, and
 * why. Without it, an outage would look like work that takes long.
 */
export class RedisWatch {
  readonly #redis: WatchedRedis;
  readonly #hooks: RedisWatchHooks;
  #isOwed = false;
  /** Looks since Redis answered last. */
  #unanswered = 0;
  /** Looks since it began to refuse. */
  #refused = 0;
  #refusal: NotedRefusal | undefined;
  /** When Redis was last written to. */
  #wroteAt = -Infinity;
  #isTold = false;

  constructor(redis: WatchedRedis, hooks: RedisWatchHooks) {
    this.#redis = redis;
    this.#hooks = hooks;
  }

  /** Passes a warning on, and notes what Redis has refused. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void {
    this.#hooks.warn(facts, message);
    if (facts["err"] instanceof Error) this.#refusal = { error: facts["err"], at: performance.now() };
  }

  /** Redis refuses what it is asked: workers can't announce themselves then, so that none seem to be there. */
  get isRefusing(): boolean {
    const wrong = this.#redis.wrongServer();
    if (wrong !== undefined && wrong.at > this.#wroteAt) this.#refusal = { ...wrong, isOfWrites: true };
    return this.#refusal !== undefined && performance.now() - this.#refusal.at < REFUSAL_MS;
  }

  /**
   * @param maps - number of those that are under way
   * @returns the error with which they end, if Redis refuses what they need and will go on doing so
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
        this.#tell("Redis does not answer", maps, "They go on when it is back");
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
      // A login that may not do just this may do all that maps need.
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
