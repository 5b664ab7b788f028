import { setTimeout } from "node:timers";

import type { Logger } from "pino";

import { classifyRefusal } from "@poolmq/shared/internal";

import { LastingRefusal } from "./lasting-refusal.ts";

/** The lines of one kind that were held back since its last line. */
interface HeldBack {
  count: number;
  write: (() => void) | undefined;
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
  readonly #lasting = new LastingRefusal();

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
    return this.#lasting.reason;
  }

  /** Logs an error of Redis, with its cause and advice. */
  refused(message: string, error: unknown, facts: object = {}): void {
    const { reason, detail, advice } = classifyRefusal(error);
    if (reason === "permission") this.#lasting.note(`Redis refuses what it needs: ${detail}. ${advice}`);
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
