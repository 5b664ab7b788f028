/** Notices a host that is useless: it no longer answers, has lost its pipes, or does not end although it should. */

import { setTimeout as delay } from "node:timers/promises";

import type { FromGuard } from "../pipe/pipe-messages.ts";
import type { Host } from "./host.ts";
import { SignOfLife } from "./sign-of-life.ts";

/** How long a host may live, in ms, after it has closed its pipes or said that it is about to end. Then it is killed. */
const LAST_BREATH_MS = 1_000;

/** How long a host that was told to end may take for its finalizer. */
const RETIRE_GRACE_MS = 10_000;

/** How long to wait for a stack, in ms. A guard answers within a second, unless the machine is overloaded. */
const STACK_TIMEOUT_MS = 3_000;

export class HostWatch {
  readonly #host: Host;
  readonly #onBroken: (reason: string) => void;
  readonly #life = new SignOfLife();
  /** By the number of the question: the function that takes the stack. */
  readonly #asked = new Map<number, (frames: readonly string[]) => void>();
  #nextAsked = 0;
  /** Kills the host if it does not end by itself in time. */
  #killer: NodeJS.Timeout | undefined;

  constructor(host: Host, onBroken: (reason: string) => void) {
    this.#host = host;
    this.#onBroken = onBroken;
  }

  /** Notes a message of its main thread. */
  heard(): void {
    this.#life.heard();
  }

  /** Notes a message of its guard: the number of turns of its event loop, or the stack of its main thread. */
  guardHeard(message: Exclude<FromGuard, { t: "revoked" | "cut" }>): void {
    if (message.t === "alive") return this.#life.guardHeard(message.turns);
    // A task may have written it: not everything that has an answer's number has frames.
    const frames: unknown = message.frames;
    if (Array.isArray(frames)) this.#asked.get(message.id)?.(frames.map(String));
  }

  /** Notes that what it sent can't be read. */
  unreadable(error: unknown): void {
    this.#onBroken(`it sent a message that can't be read (${String(error)})`);
  }

  /** Asks for the stack of its main thread. Gives the frames, or `undefined` if its guard does not answer. */
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

  /** To be called every `SIGN_OF_LIFE_TICK_MS`. @param isBusy - it has runs, so that it should send messages */
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
        return this.#onBroken("it neither read nor answered messages, although its event loop ran");
      case "gone":
        return this.#onBroken("none of its threads answered any more");
    }
  }

  /** Notes that it closed one of its pipes, or said that it ends. */
  severed(): void {
    this.#killAfter(
      LAST_BREATH_MS,
      "it closed a pipe to its supervisor, or announced its end, and did not end",
    );
  }

  /** Notes that it was told to end. */
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
