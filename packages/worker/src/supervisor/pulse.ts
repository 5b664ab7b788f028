/**
 * Finds out whether one of several Redis servers answers. The jobs of a server that does not are stuck, and must not keep
 * the machine's processes from working for the others. It is not used with a single server.
 */

import type { Cluster, Redis } from "ioredis";

import { Listener, Silence } from "@poolmq/shared/redis";
import type { Heard } from "@poolmq/shared/redis";

/** How often to ask, in ms. */
const BEAT_MS = 250;

/**
 * After more than this many unanswered beats, the server counts as away. One that was slow before is given more of them (see
 * `Silence`).
 */
const MISSED_BEATS = 2;

export class Pulse {
  readonly #redis: Pick<Redis | Cluster, "ping" | "status" | "on" | "off">;
  readonly #listener: Listener;
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #silence = new Silence(MISSED_BEATS);
  #isOwed = false;
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
    this.#silence.look(hasHeard);
    if (!this.#isOwed) this.#ask();
    this.#look();
  }

  #ask(): void {
    this.#isOwed = true;
    const answered = (): void => {
      this.#isOwed = false;
      this.#silence.answered();
      this.#look();
    };
    this.#redis.ping().then(answered, answered);
  }

  readonly #look = (): void => {
    const isSilent = this.#redis.status !== "ready" || this.#silence.isSilent;
    if (isSilent === this.#isSilent) return;
    this.#isSilent = isSilent;
    this.#onChange();
  };
}
