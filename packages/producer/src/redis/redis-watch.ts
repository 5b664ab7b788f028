import { classifyRefusal } from "@poolmq/shared/internal";
import type { Cluster, Redis } from "ioredis";

interface RedisWatchHooks {
  /** Something went wrong that passes. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Something that a person should look at. */
  alarm(message: string): void;
}

/**
 * Maps that wait for Redis are told of after so many looks, half a second apart. Looks are counted, and not time: while
 * the program computes, answers wait in the socket, and Redis is not to blame.
 */
const PATIENCE_LOOKS = 6;

/** What is refused is asked for again within a second: a refusal that is older than this is over. */
const REFUSAL_MS = 2_500;

/**
 * Tells the app once, within seconds, that its maps wait for a Redis that does not answer or refuses what they need, and
 * why. Without it, an outage would look like work that takes long.
 */
export class RedisWatch {
  readonly #redis: Pick<Redis | Cluster, "ping">;
  readonly #hooks: RedisWatchHooks;
  #isOwed = false;
  /** Looks since Redis answered last. */
  #unanswered = 0;
  /** Looks since it began to refuse. */
  #refused = 0;
  #refusal: { readonly error: unknown; readonly at: number } | undefined;
  #isTold = false;

  constructor(redis: Pick<Redis | Cluster, "ping">, hooks: RedisWatchHooks) {
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
    return this.#refusal !== undefined && performance.now() - this.#refusal.at < REFUSAL_MS;
  }

  /** @param maps - number of those that are under way */
  look(maps: number): void {
    if (maps === 0) return this.#reset();
    this.#ping();
    const { isRefusing } = this;
    this.#refused = isRefusing ? this.#refused + 1 : 0;
    if (this.#isOwed && this.#unanswered >= PATIENCE_LOOKS) {
      this.#tell("Redis does not answer", maps, "They go on when it is back");
    } else if (isRefusing && this.#refused >= PATIENCE_LOOKS) {
      const { reason, detail, advice } = classifyRefusal(this.#refusal?.error);
      if (reason !== "connection") this.#tell(`Redis refuses what is asked of it: ${detail}`, maps, advice);
    } else if (this.#refused === 0 && this.#unanswered <= 1) this.#isTold = false;
  }

  #tell(what: string, maps: number, advice: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#hooks.alarm(`${what}, so ${maps === 1 ? "a map waits" : `${maps} maps wait`} for it. ${advice}.`);
  }

  #ping(): void {
    this.#unanswered++;
    if (this.#isOwed) return;
    this.#isOwed = true;
    const answered = (): void => {
      this.#isOwed = false;
      this.#unanswered = 0;
    };
    // An error is an answer too.
    this.#redis.ping().then(answered, answered);
  }

  #reset(): void {
    this.#unanswered = 0;
    this.#refused = 0;
    this.#refusal = undefined;
    this.#isTold = false;
  }
}
