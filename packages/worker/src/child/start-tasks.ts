/**
 * Loads a host's tasks module, reports that, and gives the queue that runs its tasks; the same for processes and threads.
 */

import { encodeThrown, flushTelemetry, setLoadingTasks } from "@poolmq/shared/task";

import { batchesOf } from "./batches-of.ts";
import { keepCompiled } from "./keep-compiled.ts";
import { ItemContexts } from "../item/item-context.ts";
import { tellLastWords } from "./last-words.ts";
import type { OutcomeLimit } from "../item/outcome-writer.ts";
import { CommonGlobals, damage } from "./queue/common-globals.ts";
import { RunQueue } from "./queue/run-queue.ts";
import type { RunQueueOptions } from "./queue/run-queue.ts";
import { infoOf } from "../tasks-module/task-info.ts";
import type { RecordTarget } from "../item/task-logger.ts";
import { loadTaskModule } from "../tasks-module/task-module.ts";
import type { TaskModule } from "../tasks-module/task-module.ts";
import type { WayOut } from "../item/way-out.ts";

/** How often to look whether a task has damaged what all of them share, while none of them ends, in ms. */
const LOOK_MS = 250;

export interface StartTasksOptions extends Omit<
  RunQueueOptions,
  "outcomeLimit" | "batches" | "globals" | "onIdle" | "onBroken"
> {
  /** Path of the tasks module. */
  readonly module: string;
  /** Largest result or error of an item, in bytes; no limit without it. */
  readonly maxOutcomeBytes: number | undefined;
  /** Where the records go that tasks log. */
  readonly records: RecordTarget;
}

/** Gives `undefined` if the module does not load: the host is about to end then. */
export async function startTasks(out: WayOut, options: StartTasksOptions): Promise<RunQueue | undefined> {
  const { maxOutcomeBytes } = options;
  const outcomeLimit: OutcomeLimit | undefined =
    maxOutcomeBytes === undefined ? undefined : { maxBytes: maxOutcomeBytes, limit: "maxOutcomeBytes" };
  const endsInOrder = tellLastWords(out, outcomeLimit);
  const module = await load(options.module, (phase, thrown) => {
    endsInOrder();
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    // The supervisor logs the whole error, and decides how much of it others see.
    out.send({ t: "unfit", phase, reason }, encodeThrown(thrown));
    out.end(1);
  });
  if (module === undefined) return undefined;
  const contexts = new ItemContexts(out, outcomeLimit, options.records);
  const batches = await batchesOf(module);
  const globals = new CommonGlobals();
  const { stderr } = process;
  const printError = stderr.write.bind(stderr);
  let isBroken = false;
  const onBroken: RunQueueOptions["onBroken"] = (error, by) => {
    if (isBroken) return;
    isBroken = true;
    safely(() => printError(`poolmq: this process is replaced: ${String(error)}\n`));
    safely(() => {
      const thrown = safely(() => encodeThrown(error)) ?? "";
      out.send(by === undefined ? { t: "ending", own: true } : { t: "ending", ...by }, thrown);
      out.flush();
    });
    endsInOrder();
    out.end(1);
  };
  const queue = new RunQueue(module, out, contexts, {
    ...options,
    batches,
    outcomeLimit,
    globals,
    onBroken,
    onIdle: () => void finish(module, out, endsInOrder),
  });
  setInterval(() => {
    const what = queue.isRunning ? globals.broken : undefined;
    if (what !== undefined) onBroken(damage(what));
  }, LOOK_MS).unref();
  const tasks = Object.fromEntries([...module.tasks].map(([name, fn]) => [name, infoOf(fn)]));
  out.send({ t: "ready", tasks });
  return queue;
}

async function load(
  path: string,
  onFailure: (phase: "load" | "initializer", thrown: unknown) => void,
): Promise<TaskModule | undefined> {
  let phase: "load" | "initializer" = "load";
  try {
    setLoadingTasks({ module: path, phase });
    keepCompiled(path);
    const loaded = await loadTaskModule(path);
    phase = "initializer";
    setLoadingTasks({ module: path, phase });
    await loaded.initializer?.();
    return loaded;
  } catch (thrown) {
    onFailure(phase, thrown);
    return undefined;
  } finally {
    setLoadingTasks(undefined);
  }
}

function safely<V>(fn: () => V): V | undefined {
  try {
    return fn();
  } catch {
    return undefined;
  }
}

async function finish(module: TaskModule, out: WayOut, endsInOrder: () => void): Promise<void> {
  try {
    await module.finalizer?.();
    await flushTelemetry();
  } finally {
    endsInOrder();
    out.end(0);
  }
}
