import type { Logger } from "pino";

import { classifyRefusal } from "@poolmq/shared/internal";

/** The lines of one kind that were held back since its last line. */
interface HeldBack {
  count: number;
  write: (() => void) | undefined;
}

/** What is refused is asked for again within a second. A refusal that is older than this, in ms, is over. */
const STILL_MS = 3_000;

/** A refusal that has gone on for this long, in ms, lasts. */
const LASTING_MS = 2_000;

interface LastingRefusal {
  readonly since: number;
  readonly at: number;
  readonly reason: string;
}

/**
 * Writes at most one line of each kind in a period: the first at once and, at the end of the period, the last of those
 * that followed, with the number that was held back.
 */
export class ThrottledLog {
  readonly #log: Pick<Logger, "warn">;
  readonly #periodMs: number;
  /** By kind, from its first line until a period without lines. */
  readonly #held = new Map<string, HeldBack>();
  #lasting: LastingRefusal | undefined;

  constructor(log: Pick<Logger, "warn">, periodMs: number) {
    this.#log = log;
    this.#periodMs = periodMs;
  }

  /** @param facts - called only if the line is written */
  warn(kind: string, facts: () => object, message: string): void {
    const held = this.#held.get(kind);
    if (held !== undefined) {
      held.count++;
      held.write = () => this.#log.warn({ ...facts(), heldBack: held.count - 1 }, message);
      return;
    }
    this.#held.set(kind, { count: 0, write: undefined });
    this.#log.warn(facts(), message);
    setTimeout(() => this.#next(kind), this.#periodMs).unref();
  }

  /**
   * Why Redis does not let this machine work, if that goes on and does not pass by itself: a right that its login lacks.
   */
  get lasting(): string | undefined {
    const now = performance.now();
    const { since = now, at = 0, reason } = this.#lasting ?? {};
    return now - at < STILL_MS && now - since >= LASTING_MS ? reason : undefined;
  }

  /** Logs an error of Redis, with its cause and advice. */
  refused(message: string, error: unknown, facts: object = {}): void {
    const { reason, detail, advice } = classifyRefusal(error);
    if (reason === "permission") this.#noteLasting(`Redis refuses what it needs: ${detail}. ${advice}`);
    this.warn(`${message} ${reason}`, () => ({ ...facts, reason, advice, err: error }), message);
  }

  #noteLasting(reason: string): void {
    const at = performance.now();
    const before = this.#lasting;
    const since = before !== undefined && at - before.at < STILL_MS ? before.since : at;
    this.#lasting = { since, at, reason };
  }

  #next(kind: string): void {
    const held = this.#held.get(kind);
    if (held?.write === undefined) return void this.#held.delete(kind);
    held.write();
    held.count = 0;
    held.write = undefined;
    setTimeout(() => this.#next(kind), this.#periodMs).unref();
  }
}
