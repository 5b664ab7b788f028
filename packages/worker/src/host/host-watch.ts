/**
 * Notices a host that is useless: it no longer answers, has lost its pipes, or does not end although it should. Asks its
 * guard what its main thread does.
 */

import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as delay } from "node:timers/promises";

import type { EndedItem, FromGuard } from "../pipe/pipe-messages.ts";
import type { Host } from "./host.ts";
import { SignOfLife } from "./sign-of-life.ts";

/** How long a host may live, in ms, after it has closed its pipes or said that it is about to end. Then it is killed. */
const LAST_BREATH_MS = 1_000;

/** How long a host that was told to end may take for its finalizer. */
const RETIRE_GRACE_MS = 10_000;

/** How long to wait for a stack, in ms. A guard answers within a second, unless the machine is overloaded. */
const STACK_TIMEOUT_MS = 3_000;

/** How long to wait for the answer to what the main thread runs, in ms: a run that is overdue goes on meanwhile. */
const LEFTOVER_TIMEOUT_MS = 1_000;

export interface HostWatchEvents {
  onBroken(reason: string): void;
  /** Its main thread has been computing for seconds. Called again if it goes on, after twice the time each. */
  onComputing(): void;
}

/** What a guard answers to a question that has a number. */
type Answer = Extract<FromGuard, { t: "stack" | "leftover" }>;

export class HostWatch {
  readonly #host: Host;
  readonly #events: HostWatchEvents;
  readonly #life = new SignOfLife();
  /** By the number of the question: the function that takes the answer. */
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #nextAsked = 0;
  /** Kills the host if it does not end by itself in time. */
  #killer: NodeJS.Timeout | undefined;

  constructor(host: Host, events: HostWatchEvents) {
    this.#host = host;
    this.#events = events;
  }

  /** Notes a message of its main thread. */
  heard(): void {
    this.#life.heard();
  }

  /** Notes a message of its guard: the number of turns of its event loop, or what its main thread does. */
  guardHeard(message: Exclude<FromGuard, { t: "revoked" | "cut" }>): void {
    if (message.t === "alive") this.#life.guardHeard(message.turns);
    else this.#asked.get(message.id)?.(message);
  }

  /** Notes that what it sent can't be read. */
  unreadable(error: unknown): void {
    this.#events.onBroken(`it sent a message that can't be read (${String(error)})`);
  }

  /** Asks for the stack of its main thread. Gives the frames, or `undefined` if its guard does not answer. */
  async stack(): Promise<readonly string[] | undefined> {
    const answer = await this.#ask("stack", STACK_TIMEOUT_MS);
    // A task may have written it: not everything that has an answer's number has frames.
    const frames: unknown = answer?.t === "stack" ? answer.frames : undefined;
    return Array.isArray(frames) ? frames.map(String) : undefined;
  }

  /** Gives the item that has ended and whose code its main thread runs; `undefined` if it runs something else. */
  async leftover(): Promise<EndedItem | undefined> {
    const answer = await this.#ask("leftover", LEFTOVER_TIMEOUT_MS);
    return answer?.t === "leftover" ? answer.of : undefined;
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
      case "computes":
        this.#host.sendToGuard({ t: "ping" });
        return this.#events.onComputing();
      case "deaf":
        return this.#events.onBroken("it neither read nor answered messages, although its event loop ran");
      case "gone":
        return this.#events.onBroken("none of its threads answered any more");
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

  async #ask(t: Answer["t"], timeoutMs: number): Promise<Answer | undefined> {
    const id = this.#nextAsked++;
    const answered = new Promise<Answer>((resolve) => this.#asked.set(id, resolve));
    this.#host.sendToGuard({ t, id });
    try {
      return await Promise.race([answered, delay(timeoutMs, undefined, { ref: false })]);
    } finally {
      this.#asked.delete(id);
    }
  }

  #killAfter(ms: number, reason: string): void {
    clearTimeout(this.#killer);
    this.#killer = setTimeout(() => this.#events.onBroken(reason), ms).unref();
  }
}
