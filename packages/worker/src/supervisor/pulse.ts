/**
 * Finds out whether one of several Redis servers answers. The jobs of a server that does not are stuck, and must not keep
 * the machine's processes from working for the others. It is not used with a single server.
 */

import type { Cluster, Redis } from "ioredis";

import { Listener } from "@poolmq/shared/redis";
import type { Heard } from "@poolmq/shared/redis";

/** How often to ask, in ms. */
const BEAT_MS = 250;

/**
 * After this many unanswered beats, the server counts as away. Beats are counted and not time, because after a pause of
 * this process itself the answers have arrived by the next beat.
 */
const MISSED_BEATS = 2;

export class Pulse {
  readonly #redis: Pick<Redis | Cluster, "ping" | "status" | "on" | "off">;
  readonly #listener: Listener;
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  /** Beats since the last unanswered question; 0 if all are answered. */
  #owed = 0;
  #isSilent = false;

  /** @param onChange - called when the server falls silent, or answers again */
  constructor(redis: Pick<Redis | Cluster, "ping" | "status" | "on" | "off"> & Heard, onChange: () => void) {
    this.#redis = redis;
    this.#listener = new Listener(redis);
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
    const hasHeard = this.#listener.hasHeard();
    if (this.#owed > 0) this.#owed = hasHeard ? 1 : this.#owed + 1;
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
