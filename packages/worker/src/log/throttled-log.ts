import type { Logger } from "pino";

import { classifyRefusal } from "@poolmq/shared/internal";

/** What was not written of a kind since its last line. */
interface HeldBack {
  count: number;
  write: (() => void) | undefined;
}

/**
 * Writes at most one line of each kind a period: the first at once; of those that follow, the last one, at the end of
 * the period, with how many were held back.
 */
export class ThrottledLog {
  readonly #log: Pick<Logger, "warn">;
  readonly #periodMs: number;
  /** By kind: there is one from the first line until a period without any. */
  readonly #held = new Map<string, HeldBack>();

  constructor(log: Pick<Logger, "warn">, periodMs: number) {
    this.#log = log;
    this.#periodMs = periodMs;
  }

  /** @param facts - asked for only if the line is written */
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

  /** Redis answered with an error: says what stands in the way, and what to do about it. */
  refused(message: string, error: unknown, facts: object = {}): void {
    const { reason, advice } = classifyRefusal(error);
    this.warn(`${message} ${reason}`, () => ({ ...facts, reason, advice, err: error }), message);
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
