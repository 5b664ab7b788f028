/** Sends the lines of the machine's log to readers outside, while there are any. */

import { hostname } from "node:os";

import { repeatWhenAnswered } from "@poolmq/shared/internal";
import type { MachineLines } from "@poolmq/shared/redis";

import type { RecentLines } from "../log/recent-lines.ts";

/** How often to send, in ms. Lines that are no longer kept by then are left out. */
const INTERVAL_MS = 250;

export class LogFeed {
  readonly #worker: string;
  readonly #recent: RecentLines;
  readonly #lines: Pick<MachineLines, "write">;
  #timer: { stop(): void } | undefined;
  /** Number of the next line to send. */
  #next = 0;
  /** Whether a new listener waits for an answer of this machine, even an empty one. */
  #isAsked = false;
  /** Number of heartbeats in a row that found nobody listening. */
  #unheard = 0;

  constructor(worker: string, recent: RecentLines, lines: Pick<MachineLines, "write">) {
    this.#worker = worker;
    this.#recent = recent;
    this.#lines = lines;
  }

  /** Begins to send to a listener, who also wants the lines that were kept. */
  onListen(): void {
    this.#next = 0;
    this.#isAsked = true;
    this.#unheard = 0;
    if (this.#timer !== undefined) return;
    this.#timer = repeatWhenAnswered(INTERVAL_MS, async () => await this.#tell());
    void this.#tell();
  }

  /**
   * Takes what the last heartbeat has learned. A heartbeat that was under way when the listener came does not know of it,
   * so that a single "nobody listens" does not stop the feed.
   */
  onHeard(isHeard: boolean): void {
    this.#unheard = isHeard ? 0 : this.#unheard + 1;
    if (this.#unheard >= 2) this.close();
  }

  close(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  async #tell(): Promise<void> {
    const { no, lines } = this.#recent.from(this.#next);
    if (lines.length === 0 && !this.#isAsked) return;
    try {
      await this.#lines.write({ worker: this.#worker, host: hostname(), no, lines });
      this.#isAsked = false;
      this.#next = no + lines.length;
    } catch {
      // Redis is full or away, which is logged elsewhere. The lines are sent the next time, if they are still kept.
    }
  }
}
