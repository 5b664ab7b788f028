/**
 * Receives the messages to a machine: a map is cancelled, a shared value is gone, somebody watches or listens, an
 * operator's order.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { classifyRefusal, repeatWhenAnswered } from "@poolmq/shared/internal";
import { CancelReader } from "@poolmq/shared/redis";
import type { ControlMessage } from "@poolmq/shared/internal";
import type { QueueKeys } from "@poolmq/shared/redis";

import type { JobSeals } from "../job/context/job-seals.ts";

/** How often the machine looks for cancels that were published while it was cut off, in ms. */
const CATCH_UP_MS = 1_000;

/** How often the machine asks again while Redis refuses, in ms. */
const ASK_AGAIN_MS = 200;

export interface ControlHooks {
  onWatch(): void;
  /** Somebody reads the machines' logs. */
  onListen(): void;
  onCancel(mapId: string): void;
  /** The map is in the list of cancelled ones; it may have been begun again since. */
  onMissedCancel(mapId: string): Promise<void>;
  /** These jobs of a map have their outcome; another job for the same chunk need not run. */
  onSettled(mapId: string, jobs: readonly number[]): void;
  /** These jobs of a map are to give back the items that have not begun. */
  onCut(mapId: string, jobs: readonly number[]): void;
  onUnshare(shareId: string): void;
  /** An operator gives an order. */
  onOrder(order: Order): void;
}

/** What operators ask of a machine. */
export type Order = Extract<ControlMessage, { readonly t: "drain" | "resize" | "kill" | "stack" | "notice" }>;

/** A message, not checked yet: anyone who can reach Redis may have published it. */
type Told = Readonly<
  Partial<
    Record<"t" | "map" | "jobs" | "shares" | "expiresAt" | "sig" | (typeof ORDER_FIELDS)[number], unknown>
  >
>;

const ORDER_FIELDS = ["worker", "processes", "index", "pid", "id", "what", "by"] as const;

export class ControlChannel {
  readonly #subscriber: Redis | Cluster;
  readonly #channel: string;
  readonly #seals: Pick<JobSeals, "obeys">;
  readonly #cancels: CancelReader;
  readonly #hooks: ControlHooks;
  #timer: { stop(): void } | undefined;
  #closed = false;

  /**
   * @param redis - for commands
   * @param subscriber - a connection that does nothing else
   */
  constructor(
    redis: Redis | Cluster,
    subscriber: Redis | Cluster,
    keys: QueueKeys,
    seals: Pick<JobSeals, "obeys">,
    hooks: ControlHooks,
  ) {
    this.#subscriber = subscriber;
    this.#channel = keys.control;
    this.#seals = seals;
    this.#cancels = new CancelReader(redis, keys);
    this.#hooks = hooks;
  }

  /** Resolves once no further message is missed. */
  async listen(): Promise<void> {
    this.#subscriber.on("message", this.#onMessage);
    await this.#subscribe();
    // Subscribes again after each reconnect. If that fails, the machine goes on, and reads cancels from their list.
    this.#subscriber.on("ready", this.#onReady);
    // Errors are ignored, because the heartbeat reports a Redis that refuses.
    this.#timer = repeatWhenAnswered(CATCH_UP_MS, async () => await this.#catchUp());
    await this.#untilTaken(() => this.#catchUp());
  }

  close(): void {
    this.#closed = true;
    this.#timer?.stop();
    this.#subscriber.off("message", this.#onMessage);
    this.#subscriber.off("ready", this.#onReady);
  }

  readonly #onReady = (): void => void this.#subscribe().catch(() => {});

  /** Lanes of the same Cluster hear each other's messages. */
  readonly #onMessage = (channel: string, text: string): void => {
    if (channel === this.#channel) this.#onText(text);
  };

  async #subscribe(): Promise<void> {
    await this.#untilTaken(() => this.#subscriber.subscribe(this.#channel));
  }

  /** Tries again as long as the refusal may pass, for example while a script keeps Redis busy. */
  async #untilTaken(ask: () => Promise<unknown>): Promise<void> {
    while (!this.#closed) {
      try {
        await ask();
        return;
      } catch (error) {
        const { passes, reason } = classifyRefusal(error);
        // It is tried again with the next connection.
        if (reason === "connection") return;
        if (!passes) throw error;
      }
      await delay(ASK_AGAIN_MS);
    }
  }

  async #catchUp(): Promise<void> {
    for (const mapId of await this.#cancels.read()) await this.#hooks.onMissedCancel(mapId);
  }

  #onText(text: string): void {
    const message = read(text);
    if (message === undefined) return; // it is not one of poolmq's: anyone may publish
    if (message.t === "watch") this.#hooks.onWatch();
    else if (message.t === "listen") this.#hooks.onListen();
    // Watching and listening need no signature. The messages below stop work, and therefore need one.
    else if (this.#seals.obeys(message)) this.#obey(message);
  }

  #obey(message: Told): void {
    const { t, map, jobs, shares } = message;
    const order = orderOf(message);
    if (order !== undefined) this.#hooks.onOrder(order);
    if (t === ("cancel" satisfies ControlMessage["t"]) && typeof map === "string") this.#hooks.onCancel(map);
    if (typeof map === "string" && Array.isArray(jobs)) {
      const indices = (jobs as readonly unknown[]).filter(isCount);
      if (t === ("settled" satisfies ControlMessage["t"])) this.#hooks.onSettled(map, indices);
      if (t === ("cut" satisfies ControlMessage["t"])) this.#hooks.onCut(map, indices);
    }
    if (t === ("unshare" satisfies ControlMessage["t"]) && Array.isArray(shares)) {
      for (const id of shares as readonly unknown[]) this.#hooks.onUnshare(String(id));
    }
  }
}

/** Gives the operator's order, if all of its fields are valid. */
function orderOf({ t, map, worker, processes, index, pid, id, what, by }: Told): Order | undefined {
  if (typeof by !== "string") return undefined;
  if (t === "drain" && typeof worker === "string") return { t, worker, by };
  if (t === "resize" && typeof worker === "string" && isCount(processes)) return { t, worker, processes, by };
  if (t === "kill" && typeof map === "string" && isCount(index)) return { t, map, index, by };
  if (t === "stack" && typeof worker === "string" && isCount(pid) && isAnswerId(id)) {
    return { t, worker, pid, id, by };
  }
  if (t === "notice" && typeof what === "string") return { t, what, by };
  return undefined;
}

/** The id becomes part of a key, so it is checked. */
function isAnswerId(id: unknown): id is string {
  return typeof id === "string" && /^[\w-]{1,64}$/.test(id);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function read(text: string): Told | undefined {
  try {
    const message = JSON.parse(text) as unknown;
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}
