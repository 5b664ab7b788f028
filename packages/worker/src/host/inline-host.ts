/**
 * A host that runs the tasks in this very process and event loop, for tests and debugging: mocks, coverage and
 * breakpoints work in them.
 *
 * A function here ends only if it cooperates. One that ignores its signal can't be killed: it goes on, and nobody waits
 * for it. While a function computes, no timer fires, so that a time limit is noticed only afterwards. And
 * `process.exit()`, or running out of memory, ends the program.
 */

import { setImmediate } from "node:timers";

import type { Payload } from "@poolmq/shared/task";
import { encodeThrown } from "@poolmq/shared/task";

import { answerClaim } from "../child/answer-claim.ts";
import { batchesOf } from "../child/batches-of.ts";
import { makeClaims } from "../child/queue/claims.ts";
import { ItemContexts } from "../item/item-context.ts";
import type { OutcomeLimit } from "../item/outcome-writer.ts";
import { RunQueue } from "../child/queue/run-queue.ts";
import { infoOf } from "../tasks-module/task-info.ts";
import { loadTaskModule, readTaskModule } from "../tasks-module/task-module.ts";
import type { TaskModule } from "../tasks-module/task-module.ts";
import type { WayOut } from "../item/way-out.ts";
import { placesFor } from "../pipe/pipe-depth.ts";
import type { ToChild, ToGuard } from "../pipe/pipe-messages.ts";
import type { Host, HostEvents, StartHost } from "./host.ts";

export interface InlineHostOptions {
  /** The tasks module, or its path. */
  readonly module: object | string;
  /** Names the pool in `error.remote`. */
  readonly workerId: string;
  readonly concurrency: number;
  readonly maxOutcomeBytes: number;
  readonly level: InlineLevel;
}

/** A level of hosts. A task can call the pool that runs it; its calls are run by the hosts of the next level. */
export interface InlineLevel {
  /** Whether to run the module's initializer and finalizer. They run once for all levels, which share the module. */
  readonly hooks: boolean;
  /** Loads the module and runs its initializer, in an async context that tells the pool that a module is being loaded. */
  load<V>(load: () => Promise<V>): Promise<V>;
  /** Runs the code that calls tasks, in an async context by which the pool recognizes calls that tasks make. */
  run(take: () => void): void;
  /**
   * Passes on an item's messages outside of the item's async context, because the callbacks of a call do not belong to
   * its tasks.
   */
  leave(tell: () => void): void;
}

/** Starts hosts in this process. */
export function inlineHosts(options: InlineHostOptions): StartHost {
  return (events) => new InlineHost(options, events);
}

class InlineHost implements Host {
  readonly pid: number = process.pid;
  readonly #options: InlineHostOptions;
  readonly #events: HostEvents;
  readonly #claims: ReturnType<typeof makeClaims>;
  #queue: RunQueue | undefined;
  #turns = 0;
  #ended = false;

  constructor(options: InlineHostOptions, events: HostEvents) {
    this.#options = options;
    this.#events = events;
    this.#claims = makeClaims(placesFor(options.concurrency));
    setImmediate(() => void this.#load());
  }

  send(message: ToChild, text = "", bytes?: Buffer): void {
    // A task may change what it is given, and the bytes are needed again for another attempt.
    const own = bytes === undefined ? undefined : Buffer.from(bytes);
    setImmediate(() => this.#options.level.run(() => this.#queue?.take(message, text, own)));
  }

  /** Nothing is buffered. */
  flush(): void {}

  sendToGuard(message: ToGuard): void {
    setImmediate(() => {
      if (this.#ended) return;
      if (message.t === "ping") return this.#events.onGuard({ t: "alive", turns: ++this.#turns });
      // Only processes are looked into.
      if (message.t === "stack") return;
      if (message.t === "leftover") return this.#events.onGuard(message);
      this.#events.onGuard(answerClaim(this.#claims, message));
    });
  }

  /** Its memory can't be told from that of this process. */
  residentBytes(): undefined {
    return undefined;
  }

  /** Programs that its tasks start belong to this process. */
  hasPrograms(): boolean {
    return false;
  }

  /** Gives up the running functions, which can't be ended. */
  kill(): void {
    setImmediate(() => this.#end());
  }

  async #load(): Promise<void> {
    const { module: given, level, workerId, concurrency, maxOutcomeBytes } = this.#options;
    const out = this.#wayOut();
    let phase: "load" | "initializer" = "load";
    try {
      const module = await level.load(async () => {
        const loaded = typeof given === "string" ? await loadTaskModule(given) : readTaskModule({ ...given });
        phase = "initializer";
        if (level.hooks) await loaded.initializer?.();
        return loaded;
      });
      const outcomeLimit: OutcomeLimit = { maxBytes: maxOutcomeBytes, limit: "maxOutcomeBytes" };
      const contexts = new ItemContexts(out, outcomeLimit, { level: "info", fd: 1 });
      this.#queue = new RunQueue(module, out, contexts, {
        workerId,
        concurrency,
        outcomeLimit,
        redactStacks: false,
        batches: await batchesOf(module),
        claims: this.#claims,
        residentBytes: () => undefined,
        onBroken: (error) => this.#events.onGarbage(String(error)),
        onRunEnd: () => {},
        onIdle: () => void this.#finish(module),
      });
      out.send({
        t: "ready",
        tasks: Object.fromEntries([...module.tasks].map(([name, fn]) => [name, infoOf(fn)])),
      });
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      out.send({ t: "unfit", phase, reason }, encodeThrown(thrown));
      this.#end();
    }
  }

  #wayOut(): WayOut {
    return {
      send: (message, text: Payload = "", bytes) => {
        if (!this.#ended) this.#options.level.leave(() => this.#events.onMessage(message, text, bytes));
      },
      flush: () => {},
      drained: () => Promise.resolve(),
      end: () => this.#end(),
    };
  }

  async #finish(module: TaskModule): Promise<void> {
    try {
      if (this.#options.level.hooks) await module.finalizer?.();
    } catch {
      // An error of the finalizer is ignored, as in a process, which ends all the same.
    }
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.onExit({ exitCode: 0, signal: null, outOfMemory: false });
  }
}
