/**
 * Whether one of several Redis servers answers. What a machine has in hand for one that does not is stuck, and must not keep
 * its processes from working for the others. With one server there is nothing else to do, and nobody asks.
 */

import type { Cluster, Redis } from "ioredis";

/** Asked so often, in ms; silent for two of these times, it counts as away. */
const BEAT_MS = 250;

/** Counted, and not measured: if this process was stopped itself, the answers are there at the next beat. */
const MISSED_BEATS = 2;

export class Pulse {
  readonly #redis: Pick<Redis | Cluster, "ping" | "status" | "on" | "off">;
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  /** Beats since the question that is not answered yet; 0 if none is owed. */
  #owed = 0;
  #isSilent = false;

  /** @param onChange - it fell silent, or answers again */
  constructor(redis: Pick<Redis | Cluster, "ping" | "status" | "on" | "off">, onChange: () => void) {
    this.#redis = redis;
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    redis.on("close", this.#look);
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#redis.off("close", this.#look);
  }

  #beat(): void {
    if (this.#owed > 0) this.#owed++;
    else this.#ask();
    this.#look();
  }

  #ask(): void {
    this.#owed = 1;
    const answered = (): void => {
      this.#owed = 0;
      this.#look();
    };
    this.#redis.ping().then(answered, answered);
  }

  readonly #look = (): void => {
    const isSilent = this.#redis.status !== "ready" || this.#owed > MISSED_BEATS;
    if (isSilent === this.#isSilent) return;
    this.#isSilent = isSilent;
    this.#onChange();
  };
}
