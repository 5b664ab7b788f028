/**
 * A child process: runs the tasks module and nothing else. It holds no Redis connection and no secret of the
 * supervisor's; work comes on fd 3 and outcomes go on fd 6 (see the wire contract), and fd 4 ties its life to the supervisor's.
 *
 * Its one argument: `ChildSettings`, as JSON.
 */

import { Socket } from "node:net";
import { Worker } from "node:worker_threads";

import { decode, encode, encodeThrown, flushTelemetry } from "@poolmq/shared/task";
import type { Payload, RemoteInfo } from "@poolmq/shared/task";

import type { ChildSettings } from "../pipe/child-settings.ts";
import { FrameWriter, readFrames } from "../pipe/frames.ts";
import { besideThis, nodeFlags } from "../node-command.ts";
import { placesFor } from "../pipe/pipe-depth.ts";
import type { FromChild, ToChild } from "../pipe/pipe-messages.ts";
import type { TaskContext } from "../task/task-context.ts";
import { claim, makeClaims } from "./claims.ts";
import { endItemLog, forwardItemLog } from "./item-log.ts";
import { printAtOnce } from "./print-at-once.ts";
import { runChunk } from "./run-chunk.ts";
import type { ItemWatcher } from "./run-chunk.ts";
import { infoOf } from "./task-info.ts";
import { tagPrints } from "./tag-prints.ts";
import { taskLogger } from "./task-logger.ts";
import { loadTaskModule } from "./task-module.ts";
import type { TaskModule } from "./task-module.ts";

type RunMessage = Extract<ToChild, { t: "run" }>;

const settings = JSON.parse(process.argv[2] ?? "") as ChildSettings;
const { workerId, concurrency, logLevel } = settings;
const outcomeLimit = { maxBytes: settings.maxOutcomeBytes, limit: "maxOutcomeBytes" };

const work = new Socket({ fd: 3, readable: true, writable: true });
const outcomes = new Socket({ fd: 6, readable: true, writable: true });
const out = new FrameWriter(outcomes);
// The supervisor is gone: nobody wants the results. Without a listener, EPIPE would be an uncaught exception.
for (const pipe of [work, outcomes]) pipe.on("error", () => process.exit(1));
work.on("end", () => process.exit(1));

// Ctrl-C in a terminal, and some process managers, signal every process of the group. How a machine ends is its
// supervisor's to decide; when it goes, so do we.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const claims = makeClaims(placesFor(concurrency));
new Worker(besideThis(import.meta.url, "./guard"), {
  workerData: claims,
  execArgv: nodeFlags(),
  stdout: false,
  stderr: false,
}).unref();

const waiting: {
  readonly message: RunMessage;
  readonly args: Payload;
  readonly bytes: Buffer | undefined;
}[] = [];
/** What can stop a run, by its id. */
const running = new Map<number, AbortController>();
/** The run of which a `done` has said that it begins. */
let announced: number | undefined;
/** Shared values by id, or why they can't be had. */
const shares = new Map<string, { readonly value: unknown } | { readonly error: unknown }>();
let stopping = false;
printAtOnce();
const untagPrints = settings.prints === "log" ? tagPrints() : (): void => {};

const module = await load();
if (module !== undefined) {
  readFrames<ToChild>(work, onMessage);
  send({ t: "ready", tasks: Object.fromEntries([...module.tasks].map(([name, fn]) => [name, infoOf(fn)])) });
}

function send(message: FromChild, text?: Payload, bytes?: Buffer): void {
  out.write(message, text, bytes);
}

async function load(): Promise<TaskModule | undefined> {
  let phase: "load" | "initializer" = "load";
  try {
    const loaded = await loadTaskModule(settings.module);
    phase = "initializer";
    await loaded.initializer?.();
    return loaded;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    // The supervisor says it in its own log; what it tells others is its own to decide.
    send({ t: "unfit", phase, reason }, encodeThrown(thrown));
    out.flush();
    // The pipe drains before the process ends; the supervisor reads the reason first.
    outcomes.end(() => process.exit(1));
    return undefined;
  }
}

function onMessage(message: ToChild, text: Payload, bytes: Buffer | undefined): void {
  switch (message.t) {
    case "run":
      waiting.push({ message, args: text, bytes });
      startNext();
      return;
    case "abort":
      abort(message.id, message.reason);
      return;
    case "share":
      shares.set(message.id, readShare(text, bytes));
      return;
    case "unshare":
      shares.delete(message.id);
      return;
    case "stop":
      stopping = true;
      if (running.size === 0) void finish();
      return;
    default:
      message satisfies never;
  }
}

function readShare(
  payload: Payload,
  bytes: Buffer | undefined,
): { readonly value: unknown } | { readonly error: unknown } {
  try {
    return { value: decode(payload, { bytes }) };
  } catch (error) {
    return { error };
  }
}

function abort(id: number, reason: string): void {
  const index = waiting.findIndex((entry) => entry.message.id === id);
  if (index === -1) {
    running.get(id)?.abort(new DOMException(`The task was stopped: ${reason}`, "AbortError"));
  } else {
    waiting.splice(index, 1);
    send({ t: "done", id, ms: 0, retriable: 0 });
  }
}

function startNext(): void {
  while (running.size < concurrency) {
    const next = waiting.shift();
    if (next === undefined) break;
    if (!claim(claims, next.message.slot, next.message.id)) {
      send({ t: "skipped", id: next.message.id });
      continue;
    }
    if (next.message.id !== announced) {
      // Before it may take the process down.
      send({ t: "begun", id: next.message.id });
      out.flush();
    }
    const controller = new AbortController();
    running.set(next.message.id, controller);
    void run(next, controller);
  }
}

async function run(
  { message, args, bytes }: (typeof waiting)[number],
  controller: AbortController,
): Promise<void> {
  const { id, fn: task, map: mapId, at, n, attempt } = message;
  const started = performance.now();
  const values: [number, unknown][] = [];
  let fn = module?.tasks.get(task) ?? notRegistered;
  for (const [position, shareId] of message.shares ?? []) {
    const share = shares.get(shareId) ?? { value: undefined };
    if ("value" in share) values.push([position, share.value]);
    else fn = () => fail(share.error);
  }
  const ran = await runChunk(
    {
      fn,
      task,
      at,
      n,
      attempt,
      args,
      bytes,
      skip: new Set(message.skip),
      shares: values,
      outcomeLimit,
      ...(settings.redactStacks ? { keepStack: (thrown, by) => logStack(thrown, by, mapId) } : {}),
      worker: workerId,
      signal: controller.signal,
      trace: message.trace,
      context: (index) => context(message, index, controller.signal),
      onItemEnd: message.logs === true ? endItemLog : undefined,
    },
    message.careful === true ? watcher(id) : undefined,
  );
  const ms = performance.now() - started;
  announced = stopping ? undefined : waiting[0]?.message.id;
  const next = announced === undefined ? {} : { next: announced };
  send({ t: "done", id, ms, retriable: ran.retriable, ...next, ...memory() }, ran.text, ran.bytes);
  // Before the next item may take the process down: the loss would be charged to this one.
  out.flush();
  // Nor is a large result to wait in this process until the next function lets go of it.
  if (ran.bytes !== undefined) await out.drained();
  running.delete(id);
  untagPrints();
  if (stopping && running.size === 0) void finish();
  else startNext();
}

/** Looking at the memory costs as much as a small task: now and then is enough. */
const MEMORY_INTERVAL_MS = 100;
let memoryLookedAt = 0;

function memory(): { readonly rss?: number } {
  const now = performance.now();
  if (now - memoryLookedAt < MEMORY_INTERVAL_MS) return {};
  memoryLookedAt = now;
  return { rss: process.memoryUsage.rss() };
}

/** The caller does not get it, and somebody will look for it. */
function logStack(err: unknown, { task, index, attempt }: RemoteInfo, mapId: string): void {
  try {
    taskLogger({ mapId, index, attempt }, { level: logLevel }).error({ task, err }, "task failed");
  } catch {
    // What was thrown can't be read.
  }
}

function fail(error: unknown): never {
  throw error;
}

function notRegistered(): never {
  throw new Error("unreachable: the supervisor sends only registered tasks");
}

function context(
  { id, map: mapId, attempt, logs }: RunMessage,
  index: number,
  signal: AbortSignal,
): TaskContext {
  const item = { mapId, index, attempt };
  const made: TaskContext = {
    ...item,
    signal,
    get log() {
      return taskLogger(item, { level: logLevel, forwards: logs === true });
    },
    progress: (value) => send({ t: "progress", id, index }, encode(value, outcomeLimit)),
  };
  if (logs === true) {
    forwardItemLog(made, (line) => {
      send({ t: "log", id, index }, JSON.stringify(line));
      // It may be its last words.
      out.flush();
    });
  }
  return made;
}

function watcher(id: number): ItemWatcher {
  return {
    started(offset) {
      send({ t: "start", id, offset });
      out.flush();
    },
    ended(offset, outcome) {
      send({ t: "item", id, offset }, JSON.stringify(outcome));
      out.flush();
    },
  };
}

async function finish(): Promise<void> {
  try {
    await module?.finalizer?.();
    await flushTelemetry();
  } finally {
    out.flush();
    outcomes.end(() => process.exit(0));
  }
}
