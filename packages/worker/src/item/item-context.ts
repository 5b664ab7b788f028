/** The contexts of running items (`taskContext()`), and the reports on each item of a careful run. */

import type { Logger } from "pino";

import { encode } from "@poolmq/shared/task";
import type { RemoteInfo } from "@poolmq/shared/task";

import type { ToChild } from "../pipe/pipe-messages.ts";
import type { TaskContext } from "../task/task-context.ts";
import { forwardItemLog, itemLogOf } from "./item-log.ts";
import type { OutcomeLimit } from "./outcome-writer.ts";
import type { ItemWatcher } from "./run-chunk.ts";
import type { RunStop } from "./run-stop.ts";
import { taskLogger } from "./task-logger.ts";
import type { RecordTarget } from "./task-logger.ts";
import type { WayOut } from "./way-out.ts";

export type RunMessage = Extract<ToChild, { t: "run" }>;

const { stringify } = JSON;

/** An item, as messages of the pipe name it. */
interface Owner {
  readonly id: number;
  readonly offset: number;
  readonly task: string;
}

const owners = new WeakMap<TaskContext, Owner>();

/** Gives the item that a context belongs to. */
export function ownerOf(context: TaskContext): Owner | undefined {
  return owners.get(context);
}

export class ItemContexts {
  readonly #out: WayOut;
  readonly #limit: OutcomeLimit | undefined;
  readonly #records: RecordTarget;

  /** @param records - where the records go that tasks log */
  constructor(out: WayOut, limit: OutcomeLimit | undefined, records: RecordTarget) {
    this.#out = out;
    this.#limit = limit;
    this.#records = records;
  }

  make(
    { id, fn: task, map: mapId, at, attempt, logs }: RunMessage,
    index: number,
    stop: RunStop,
  ): TaskContext {
    const out = this.#out;
    const limit = this.#limit;
    const records = logs === true ? { ...this.#records, forwards: true } : this.#records;
    const item = { mapId, index, attempt };
    const made: TaskContext = {
      ...item,
      get signal() {
        return stop.signal;
      },
      get log() {
        return taskLogger({ ...item, task }, records, logs === true ? itemLogOf(made) : undefined);
      },
      progress: (value) => out.send({ t: "progress", id, index }, encode(value, limit)),
    };
    owners.set(made, { id, offset: index - at, task });
    if (logs === true) {
      forwardItemLog(made, (line) => {
        out.send({ t: "log", id, index }, stringify(line));
        // Flushed, because the item may take the process down right after this line.
        out.flush();
      });
    }
    return made;
  }

  /** Gives a watcher that reports each item of a run when it starts and ends. */
  watcher(id: number): ItemWatcher {
    const out = this.#out;
    return {
      started(offset) {
        out.send(offset === undefined ? { t: "start", id } : { t: "start", id, offset });
        out.flush();
      },
      ended(offset, outcome) {
        out.send({ t: "item", id, offset }, stringify(outcome));
        out.flush();
      },
    };
  }

  /** Gives a logger for a batch of several items. */
  batchLog(task: string): Logger {
    return taskLogger({ task }, this.#records);
  }

  /** Logs the stack of what was thrown, because the caller does not get it. */
  logStack(err: unknown, { task, index, attempt }: RemoteInfo, mapId: string): void {
    try {
      taskLogger({ mapId, index, attempt, task }, this.#records).error({ err }, "task failed");
    } catch {
      // The thrown value can't be read.
    }
  }
}
