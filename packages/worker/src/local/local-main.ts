/** The process of a local worker machine. When its IPC channel to the producer closes, the machine ends. */

import { encodeThrown, settlesWithin } from "@poolmq/shared/internal";

import { TasksModuleError } from "@poolmq/shared";
import { machineLog } from "../log/machine-log.ts";
import type { FromMachine, ToMachine } from "./local-machine.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { resolveWorkerOptions } from "../worker-options.ts";
import type { ResolvedWorkerOptions } from "../worker-options.ts";

/** How long to wait for output to be written, in ms: its reader may have stopped reading. */
const FLUSH_TIMEOUT_MS = 500;

/** How long a machine without a producer may take to end: its children are killed at once. */
const ORPHAN_TIMEOUT_MS = 750;

/** How long it may take to remove its producer's private queue, in ms. */
const REMOVE_QUEUE_TIMEOUT_MS = 2_000;

let supervisor: Supervisor | undefined;
/** The options of a private queue, which is removed when the producer is gone. */
let ownQueue: ResolvedWorkerOptions | undefined;

// The producer is gone, and nobody else can want a result.
process.on("disconnect", () => void endAlone());
process.on("message", (message: ToMachine) => void onMessage(message));
// It has a process group of its own, so that a signal is meant for this machine alone.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void close(0));

async function endAlone(): Promise<void> {
  await settlesWithin(ORPHAN_TIMEOUT_MS, finish(0));
  if (ownQueue !== undefined) await settlesWithin(REMOVE_QUEUE_TIMEOUT_MS, removeQueue(ownQueue));
  process.exit(0);
}

/** Loaded only here, with BullMQ: the machine's children start before that is loaded. */
async function removeQueue(options: ResolvedWorkerOptions): Promise<void> {
  const { removePrivateQueue } = await import("./remove-queue.ts");
  await removePrivateQueue(options);
}

async function onMessage(message: ToMachine): Promise<void> {
  if (message.t === "close") return await close(message.timeoutMs);
  // The log goes to stderr, because stdout belongs to the producer. What tasks print and log is shown to the user; the
  // machine's own lines only if `POOLMQ_LOG_LEVEL` asks for them.
  const level = process.env["POOLMQ_LOG_LEVEL"] || undefined;
  const logger = machineLog(level ?? "silent", 2);
  try {
    const options = resolveWorkerOptions({ ...message.options, logger });
    if (message.removesQueue) ownQueue = options;
    supervisor = new Supervisor(options, {
      prints: "inherit",
      logger: machineLog(level ?? "info", 2),
    });
    await supervisor.start();
    send({ t: "ready", tasks: supervisor.tasks });
  } catch (error) {
    const phase = error instanceof TasksModuleError ? error.phase : undefined;
    send({
      t: "failed",
      phase,
      thrown: encodeThrown(error instanceof TasksModuleError ? error.cause : error),
    });
  }
}

function send(message: FromMachine): void {
  // With a callback, because the producer may be gone, and without one the error would be thrown.
  process.send?.(message, undefined, undefined, () => {});
}

async function close(timeoutMs: number): Promise<void> {
  await finish(timeoutMs);
  process.exit(0);
}

async function finish(timeoutMs: number): Promise<void> {
  await supervisor?.close(timeoutMs);
  // Wait until the tasks' prints, which pass through this process, are written.
  const written = [process.stdout, process.stderr].map(
    (stream) => new Promise((resolve) => stream.write("", resolve)),
  );
  await settlesWithin(FLUSH_TIMEOUT_MS, Promise.all(written));
}
