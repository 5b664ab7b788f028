/**
 * Logs an outage of Redis: one line when it begins, one a minute while it lasts, and one when it ends. Other errors that
 * only say that Redis is away are not logged.
 */

import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import { classifyRefusal } from "@poolmq/shared/internal";
import { wrongServer } from "@poolmq/shared/redis";

const REMINDER_MS = 60_000;

/**
 * A server that is not the primary is tried again twice a second. It counts as back once it has served for this long, in
 * ms.
 */
const STEADY_MS = 3_000;

export class OutageLog {
  readonly #redis: Redis | Cluster;
  readonly #address: string;
  readonly #log: Pick<Logger, "info" | "warn">;
  readonly #reminderMs: number;
  #lostAt: number | undefined;
  /** Why Redis refuses the connection, if it does. */
  #refusal: string | undefined;
  #reminder: NodeJS.Timeout | undefined;
  /** Set while it is not certain yet that the connection stays. */
  #steady: NodeJS.Timeout | undefined;

  constructor(
    redis: Redis | Cluster,
    address: string,
    log: Pick<Logger, "info" | "warn">,
    reminderMs: number = REMINDER_MS,
  ) {
    this.#redis = redis;
    this.#address = address;
    this.#log = log;
    this.#reminderMs = reminderMs;
    redis.on("close", this.#onClose);
    redis.on("ready", this.#onReady);
    redis.on("error", this.#onError);
  }

  /** Whether an error only says that the connection is lost, which the lines of the outage say already. */
  static isOf(error: unknown): boolean {
    const { code, message = "" } = error as Partial<NodeJS.ErrnoException>;
    return (
      /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(
        code ?? "",
      ) || /^Connection is closed|Socket timeout|Failed to refresh slots cache/.test(message)
    );
  }

  close(): void {
    clearInterval(this.#reminder);
    clearTimeout(this.#steady);
    this.#redis.off("close", this.#onClose);
    this.#redis.off("ready", this.#onReady);
    this.#redis.off("error", this.#onError);
  }

  readonly #onClose = (): void => {
    clearTimeout(this.#steady);
    if (this.#lostAt === undefined) {
      this.#lostAt = performance.now();
      this.#log.warn({ redis: this.#address }, "Redis connection lost, trying again until it is back");
      this.#reminder = setInterval(
        () => this.#log.warn(this.#facts(), "Redis is still away"),
        this.#reminderMs,
      );
    }
    const demoted = wrongServer(this.#redis);
    if (demoted !== undefined) this.#tellRefusal(demoted.error);
  };

  /** Notes why a Redis that can be reached refuses the connection, for example because of the password. */
  readonly #onError = (error: unknown): void => {
    const { reason, passes } = classifyRefusal(error);
    if (this.#lostAt !== undefined && !passes && reason !== "unknown") this.#tellRefusal(error);
  };

  #tellRefusal(error: unknown): void {
    const { detail, advice } = classifyRefusal(error);
    if (this.#refusal === detail) return;
    this.#refusal = detail;
    this.#log.warn({ redis: this.#address, reason: detail, advice }, "Redis refuses the connection");
  }

  readonly #onReady = (): void => {
    if (this.#lostAt === undefined) return;
    clearTimeout(this.#steady);
    if (wrongServer(this.#redis) !== undefined) {
      this.#steady = setTimeout(this.#onReady, STEADY_MS).unref();
      return;
    }
    clearInterval(this.#reminder);
    this.#log.info(this.#facts(), "Redis connection is back");
    this.#lostAt = undefined;
    this.#refusal = undefined;
  };

  #facts(): object {
    const reason = this.#refusal === undefined ? {} : { reason: this.#refusal };
    return { redis: this.#address, ...reason, awayMs: Math.round(performance.now() - (this.#lostAt ?? 0)) };
  }
}
