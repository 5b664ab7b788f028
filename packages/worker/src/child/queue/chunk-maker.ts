/** Turns the message of a run into what is executed: the function, its shared values, and the items' contexts. */

import { decode } from "@poolmq/shared/task";
import type { Payload } from "@poolmq/shared/task";

import { bare } from "./bare.ts";
import { claimItems } from "./claims.ts";
import type { ItemContexts, RunMessage } from "../../item/item-context.ts";
import { endItemLog } from "../../item/item-log.ts";
import type { OutcomeLimit } from "../../item/outcome-writer.ts";
import type { ChunkRun, ItemWatcher } from "../../item/run-chunk.ts";
import type { RunStop } from "../../item/run-stop.ts";
import type { TaskFunction, TaskModule } from "../../tasks-module/task-module.ts";
import type { ToChild } from "../../pipe/pipe-messages.ts";

const NONE: ReadonlySet<number> = new Set();

/** A shared value, or why it can't be had. */
type Share = { readonly value: unknown } | { readonly error: unknown };

export interface ChunkMakerOptions {
  readonly workerId: string;
  readonly outcomeLimit: OutcomeLimit | undefined;
  /** Errors of tasks are sent without their stacks. */
  readonly redactStacks: boolean;
  readonly claims: Int32Array<SharedArrayBuffer>;
}

export class ChunkMaker {
  readonly #module: TaskModule;
  readonly #contexts: ItemContexts;
  readonly #options: ChunkMakerOptions;
  readonly #shares: Record<string, Share> = bare();

  constructor(module: TaskModule, contexts: ItemContexts, options: ChunkMakerOptions) {
    this.#module = module;
    this.#contexts = contexts;
    this.#options = options;
  }

  /** Decodes and keeps a shared value that has arrived. */
  share(message: Extract<ToChild, { t: "share" }>, text: Payload, bytes: Buffer | undefined): void {
    this.#shares[message.id] =
      message.memory === undefined ? readShare(text, bytes) : { value: message.memory };
  }

  unshare(id: string): void {
    delete this.#shares[id];
  }

  /** Gives the watcher that reports each item of a careful run. */
  watcher({ id, careful }: RunMessage): ItemWatcher | undefined {
    return careful === true ? this.#contexts.watcher(id) : undefined;
  }

  /** The registered function of this name. */
  task(name: string): TaskFunction | undefined {
    return this.#module.tasks.get(name);
  }

  chunk(message: RunMessage, args: Payload, bytes: Buffer | undefined, stop: RunStop): ChunkRun {
    const { slot, fn: task, map: mapId, at, n, attempt, skip, reduce, trace, enqueuedAtMs, logs } = message;
    const { workerId: worker, redactStacks, outcomeLimit, claims } = this.#options;
    const contexts = this.#contexts;
    const { fn, shares } = this.#functionOf(message);
    const reducer = reduce === undefined ? undefined : this.#module.tasks.get(reduce);
    return {
      fn,
      reducer,
      shares,
      task,
      at,
      n,
      attempt,
      args,
      bytes,
      skip: skip === undefined ? NONE : new Set(skip),
      claim: n === 1 ? undefined : (from, to) => claimItems(claims, slot, from, to),
      outcomeLimit: message.outcomeLimit ?? outcomeLimit,
      keepStack: redactStacks ? (thrown, by) => contexts.logStack(thrown, by, mapId) : undefined,
      worker,
      stop,
      trace,
      enqueuedAtMs,
      context: (index) => contexts.make(message, index, stop),
      onItemEnd: logs === true ? endItemLog : undefined,
    };
  }

  /** The function of a run, and the shared values among its arguments. */
  #functionOf(message: RunMessage): {
    readonly fn: TaskFunction;
    readonly shares: (readonly [position: number, value: unknown])[];
  } {
    const shares: [number, unknown][] = [];
    let fn = this.#module.tasks.get(message.fn) ?? notRegistered;
    const named = message.shares;
    if (named === undefined) return { fn, shares };
    for (let i = 0; i < named.length; i++) {
      const [position, shareId] = named[i] as readonly [number, string];
      const share = this.#shares[shareId] ?? { value: undefined };
      if ("value" in share) shares[shares.length] = [position, share.value];
      else fn = () => fail(share.error);
    }
    return { fn, shares };
  }
}

function readShare(payload: Payload, bytes: Buffer | undefined): Share {
  try {
    return { value: decode(payload, { bytes }) };
  } catch (error) {
    return { error };
  }
}

function fail(error: unknown): never {
  throw error;
}

function notRegistered(): never {
  throw new Error("unreachable: the supervisor sends only registered tasks");
}
