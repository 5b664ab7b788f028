/** Tells the lines of the machine's log to those who read it from outside, while there are some. */

import { hostname } from "node:os";

import { repeatWhenAnswered } from "@poolmq/shared/internal";
import type { MachineLines } from "@poolmq/shared/redis";

import type { RecentLines } from "../log/recent-lines.ts";

/** How often, in ms: what is written in between and is no longer kept by then is left out. */
const INTERVAL_MS = 250;

export class LogFeed {
  readonly #worker: string;
  readonly #recent: RecentLines;
  readonly #lines: Pick<MachineLines, "write">;
  #timer: { stop(): void } | undefined;
  /** Number of the next line to tell. */
  #next = 0;
  /** A listener waits for a word of this machine, even if it has written nothing. */
  #isAsked = false;
  /** Heartbeats in a row that found nobody listening. */
  #unheard = 0;

  constructor(worker: string, recent: RecentLines, lines: Pick<MachineLines, "write">) {
    this.#worker = worker;
    this.#recent = recent;
    this.#lines = lines;
  }

  /** Somebody listens from now on, and wants the lines that were kept, too. */
  onListen(): void {
    this.#next = 0;
    this.#isAsked = true;
    this.#unheard = 0;
    if (this.#timer !== undefined) return;
    this.#timer = repeatWhenAnswered(INTERVAL_MS, async () => await this.#tell());
    void this.#tell();
  }

  /**
   * What the last heartbeat has learned. One that was under way when the listener came knows nothing of it, so a single
   * "nobody" ends nothing.
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
      // Redis is full or away, which the log says elsewhere. The lines are told the next time, as far as they are kept.
    }
  }
}
