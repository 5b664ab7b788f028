/** Notices a host that is of no use any more: it no longer answers, has lost its pipes, or does not end although it should. */

import { setTimeout as delay } from "node:timers/promises";

import type { FromGuard } from "../pipe/pipe-messages.ts";
import type { Host } from "./host.ts";
import { SignOfLife } from "./sign-of-life.ts";

/** How long a host may live after it has closed its pipes or said that it is about to end. After that it is killed. */
const LAST_BREATH_MS = 1_000;

/** How long a host that was told to end may take for its finalizer. */
const RETIRE_GRACE_MS = 10_000;

/** A guard answers within a second, unless the machine is overloaded. */
const STACK_TIMEOUT_MS = 3_000;

export class HostWatch {
  readonly #host: Host;
  readonly #onBroken: (reason: string) => void;
  readonly #life = new SignOfLife();
  /** Who waits for a stack, by the number of the question. */
  readonly #asked = new Map<number, (frames: readonly string[]) => void>();
  #nextAsked = 0;
  /** Fires when the host has had its time to end by itself. */
  #killer: NodeJS.Timeout | undefined;

  constructor(host: Host, onBroken: (reason: string) => void) {
    this.#host = host;
    this.#onBroken = onBroken;
  }

  /** Its main thread said something. */
  heard(): void {
    this.#life.heard();
  }

  /** Its guard said how often its event loop has turned, or what its main thread runs. */
  guardHeard(message: Exclude<FromGuard, { t: "revoked" | "cut" }>): void {
    if (message.t === "alive") return this.#life.guardHeard(message.turns);
    this.#asked.get(message.id)?.(message.frames.map(String));
  }

  /** Asks what its main thread runs. Gives the frames, or `undefined` if nothing of it answers. */
  async stack(): Promise<readonly string[] | undefined> {
    const id = this.#nextAsked++;
    const answered = new Promise<readonly string[]>((resolve) => this.#asked.set(id, resolve));
    this.#host.sendToGuard({ t: "stack", id });
    try {
      return await Promise.race([answered, delay(STACK_TIMEOUT_MS, undefined, { ref: false })]);
    } finally {
      this.#asked.delete(id);
    }
  }

  /** Call once a `SIGN_OF_LIFE_TICK_MS`. @param isBusy - it has runs, so that there is something to hear of it */
  tick(isBusy: boolean): void {
    switch (this.#life.tick(isBusy)) {
      case "none":
        return;
      case "ask":
        this.#host.send({ t: "ping" });
        this.#host.flush();
        return this.#host.sendToGuard({ t: "ping" });
      case "wait":
        return this.#host.sendToGuard({ t: "ping" });
      case "deaf":
        return this.#onBroken("it neither heard nor answered, although its event loop turned");
      case "gone":
        return this.#onBroken("nothing of it answered any more");
    }
  }

  /** It closed a pipe of its worker's, or said that it ends. */
  severed(): void {
    this.#killAfter(LAST_BREATH_MS, "it closed a pipe of its worker's, or said that it ends, and went on");
  }

  /** It was told to end. */
  stopping(): void {
    this.#killAfter(RETIRE_GRACE_MS, "its finalizer did not end");
  }

  ended(): void {
    clearTimeout(this.#killer);
  }

  #killAfter(ms: number, reason: string): void {
    clearTimeout(this.#killer);
    this.#killer = setTimeout(() => this.#onBroken(reason), ms).unref();
  }
}
