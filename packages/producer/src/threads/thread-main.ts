/**
 * What a thread of a `ThreadPool` runs: the tasks module, as a child process does. Piscina calls `run` for each job; a
 * thread that is not ready is given none.
 */

import { BroadcastChannel, parentPort, threadId, workerData } from "node:worker_threads";

import { decode, encode, encodeThrown, flushTelemetry } from "@poolmq/shared/task";
import {
  endItemLog,
  forwardItemLog,
  infoOf,
  loadTaskModule,
  runChunk,
  taskLogger,
} from "@poolmq/worker/internal";
import type { ItemWatcher, TaskContext, TaskModule } from "@poolmq/worker/internal";

import { monotonicMs } from "./thread-messages.ts";
import type { FromThread, ThreadAnswer, ThreadData, ThreadJob, ToThreads } from "./thread-messages.ts";

type RunJob = Extract<ThreadJob, { t: "run" }>;
type Message = FromThread extends infer M
  ? M extends FromThread
    ? Omit<M, "pool" | "thread">
    : never
  : never;

const { module: modulePath, pool, worker } = workerData as ThreadData;

/** What can stop a run, by its id. */
const running = new Map<number, AbortController>();
const shared = new Map<string, unknown>();
let module: TaskModule | undefined;

const channel = new BroadcastChannel(pool);
channel.onmessage = (event) => {
  const { id, reason } = (event as { data: ToThreads }).data;
  running.get(id)?.abort(new DOMException(`The task was stopped: ${reason}`, "AbortError"));
};

// Later, so that Piscina has the thread ready by then: whatever the tasks module does, the thread itself is sound.
setImmediate(() => void load());

function send(message: Message): void {
  parentPort?.postMessage({ ...message, pool, thread: threadId });
}

async function load(): Promise<void> {
  let phase: "load" | "initializer" = "load";
  try {
    const loaded = await loadTaskModule(modulePath);
    phase = "initializer";
    await loaded.initializer?.();
    module = loaded;
    send({
      t: "ready",
      tasks: Object.fromEntries([...loaded.tasks].map(([name, fn]) => [name, infoOf(fn)])),
    });
  } catch (thrown) {
    send({ t: "unfit", phase, thrown: encodeThrown(thrown) });
  }
}

/** Runs one job of the pool. Called by Piscina. Never rejects because of user code that runs an item. */
export async function run(job: ThreadJob): Promise<ThreadAnswer | undefined> {
  if (job.t === "run") return await runJob(job);
  await module?.finalizer?.();
  await flushTelemetry();
  return undefined;
}

async function runJob(job: RunJob): Promise<ThreadAnswer> {
  const { id, at, n, attempt, args, bytes, skip, trace, logs } = job;
  const fn = module?.tasks.get(job.fn);
  if (fn === undefined) throw new Error("unreachable: only registered tasks are sent, to ready threads");
  const controller = new AbortController();
  running.set(id, controller);
  let said = 0;
  const say = (message: Message): void => {
    said++;
    send(message);
  };
  const watcher: ItemWatcher = {
    started: (offset) => say({ t: "start", id, offset }),
    ended: (offset, outcome) => say({ t: "item", id, offset, outcome: JSON.stringify(outcome) }),
  };
  const context = (index: number): TaskContext => {
    const item = { mapId: job.map, index, attempt };
    const made: TaskContext = {
      ...item,
      signal: controller.signal,
      get log() {
        // Without a machine's log, they go where this process prints.
        return taskLogger(item, { level: "info", fd: 1, forwards: logs });
      },
      progress: (value) => say({ t: "progress", id, index, value: encode(value) }),
    };
    if (logs) forwardItemLog(made, (line) => say({ t: "log", id, index, line }));
    return made;
  };
  if (job.announce) say({ t: "start", id });
  const started = performance.now();
  const { signal } = controller;
  const shares = job.shares.map((share) => [share.position, valueOf(share)] as const);
  const ran = await runChunk(
    {
      fn,
      task: job.fn,
      at,
      n,
      attempt,
      args,
      bytes: bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      skip: new Set(skip),
      shares,
      worker,
      signal,
      trace,
      context,
      ...(logs ? { onItemEnd: endItemLog } : {}),
    },
    job.careful ? watcher : undefined,
  );
  running.delete(id);
  return { ...ran, ms: performance.now() - started, endedAt: monotonicMs(), said };
}

/** Decoded once per thread. */
function valueOf({ id, bytes }: RunJob["shares"][number]): unknown {
  if (!shared.has(id)) shared.set(id, decode(Buffer.from(bytes).toString("utf8")));
  return shared.get(id);
}
