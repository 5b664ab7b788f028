/**
 * A child process: runs the tasks module and nothing else. It holds no Redis connection and no secret of the
 * supervisor's; work comes and goes on fd 3 (see the wire contract), and fd 4 ties its life to the supervisor's.
 *
 * argv: the tasks module, the worker machine's id, the concurrency.
 */

import { Socket } from "node:net";
import { Worker } from "node:worker_threads";

import { decode, encodeThrown } from "@poolmq/shared/internal";
import type { FromChild, RemoteInfo, ToChild } from "@poolmq/shared/internal";

import { FrameWriter, readFrames } from "../frames.ts";
import { besideThis } from "../node-command.ts";
import { outcomeText, runItem } from "./run-item.ts";
import type { Ran } from "./run-item.ts";
import { loadTaskModule } from "./task-module.ts";
import type { TaskFunction, TaskModule } from "./task-module.ts";

type RunMessage = Extract<ToChild, { t: "run" }>;

const [, , modulePath = "", workerId = "", concurrencyText = "1"] = process.argv;
const concurrency = Number(concurrencyText);

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const out = new FrameWriter(pipe);
// The supervisor is gone: nobody wants the results. Without a listener, EPIPE would be an uncaught exception.
pipe.on("error", () => process.exit(1));
pipe.on("end", () => process.exit(1));

// Ctrl-C in a terminal, and some process managers, signal every process of the group. How a machine ends is its
// supervisor's to decide; when it goes, so do we.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

new Worker(besideThis(import.meta.url, "./guard"), { execArgv: [], stdout: false, stderr: false }).unref();

const waiting: { message: RunMessage; args: string }[] = [];
let running = 0;
let stopping = false;

const module = await load();
if (module !== undefined) {
  readFrames<ToChild>(pipe, onMessage);
  const tasks = Object.fromEntries([...module.tasks].map(([name, fn]) => [name, fn.length]));
  send({ t: "ready", tasks });
}

function send(message: FromChild, text?: string): void {
  out.write(message, text);
}

async function load(): Promise<TaskModule | undefined> {
  let phase: "load" | "initializer" = "load";
  try {
    const loaded = await loadTaskModule(modulePath);
    phase = "initializer";
    await loaded.initializer?.();
    return loaded;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    send({ t: "unfit", phase, reason }, encodeThrown(thrown));
    out.flush();
    // The pipe drains before the process ends; the supervisor reads the reason first.
    pipe.end(() => process.exit(1));
    return undefined;
  }
}

function onMessage(message: ToChild, text: string): void {
  switch (message.t) {
    case "run":
      waiting.push({ message, args: text });
      startNext();
      return;
    case "abort": {
      const index = waiting.findIndex((entry) => entry.message.id === message.id);
      if (index === -1) return;
      waiting.splice(index, 1);
      send({ t: "done", id: message.id, ms: 0, failed: 0 });
      return;
    }
    case "stop":
      stopping = true;
      if (running === 0) void finish();
      return;
    default:
      message satisfies never;
  }
}

function startNext(): void {
  while (running < concurrency) {
    const next = waiting.shift();
    if (next === undefined) break;
    running++;
    void run(next.message, next.args);
  }
}

async function run(message: RunMessage, argsText: string): Promise<void> {
  const started = performance.now();
  const fn = module?.tasks.get(message.fn);
  const ran: Ran[] = fn === undefined ? [] : await runChunk(fn, message, argsText);
  const info = (offset: number): RemoteInfo => ({
    task: message.fn,
    index: message.at + offset,
    attempt: message.attempt,
    worker: workerId,
    pid: process.pid,
  });
  const { text, failed } = outcomeText(ran, info);
  send({ t: "done", id: message.id, ms: performance.now() - started, failed }, text);
  // Before the next item may take the process down: the supervisor charges the loss to the oldest unanswered item.
  out.flush();
  running--;
  if (stopping && running === 0) void finish();
  else startNext();
}

async function runChunk(fn: TaskFunction, message: RunMessage, argsText: string): Promise<Ran[]> {
  let tuples: unknown[][];
  try {
    tuples = decode(argsText) as unknown[][];
  } catch (thrown) {
    return Array.from({ length: message.n }, () => ({ ok: false, thrown }));
  }
  const ran: Ran[] = [];
  for (const [offset, args] of tuples.entries()) {
    if (message.careful === true) {
      send({ t: "start", id: message.id, index: message.at + offset });
      out.flush();
    }
    // One after the other: a chunk is a unit of work, and its items must not outrun `concurrency`.
    ran.push(await runItem(fn, args));
  }
  return ran;
}

async function finish(): Promise<void> {
  try {
    await module?.finalizer?.();
  } finally {
    out.flush();
    pipe.end(() => process.exit(0));
  }
}
