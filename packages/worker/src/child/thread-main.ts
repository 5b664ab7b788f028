/**
 * A thread: runs the tasks module, as a child process does (`main.ts`). Work comes and outcomes go on a port of its own,
 * because tasks may talk on the thread's `parentPort`.
 */

import { workerData } from "node:worker_threads";

import type { ToChild } from "../pipe/pipe-messages.ts";
import { PortWriter, readPort } from "../pipe/thread-port.ts";
import type { FromThread, ThreadData } from "../pipe/thread-port.ts";
import { monotonicMs } from "../pipe/transit.ts";
import { countTurns } from "./count-turns.ts";
import { startTasks } from "./start-tasks.ts";
import type { WayOut } from "../item/way-out.ts";

const { port, claims, turns, ...settings } = workerData as ThreadData;
// Taken hold of now: tasks may put something else in its place.
const exit = process.exit.bind(process);
const writer = new PortWriter(port, "bytes");

const out: WayOut = {
  send: (message, text, bytes) =>
    writer.write(message.t === "done" ? { ...message, endedAt: monotonicMs() } : message, text, bytes),
  flush: writer.flush,
  drained: () => Promise.resolve(),
  end(exitCode) {
    try {
      writer.flush();
    } finally {
      exit(exitCode);
    }
  },
};

// Sent on the same port as outcomes, so that what an item printed arrives before its outcome.
for (const from of ["stdout", "stderr"] as const) {
  process[from].write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    const isText = typeof chunk === "string";
    writer.write(
      { t: "print", from } satisfies FromThread,
      isText ? chunk : "",
      isText ? undefined : copyOf(chunk),
    );
    writer.flush();
    const callback = rest[rest.length - 1];
    if (typeof callback === "function") process.nextTick(callback);
    return true;
  };
}

function copyOf(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(chunk);
}

countTurns(turns);
const queue = await startTasks(out, {
  ...settings,
  claims,
  // Without a machine's log, records go where this process prints.
  records: { level: "info", fd: 1 },
  residentBytes: () => undefined,
  onRunEnd: () => {},
});
if (queue !== undefined)
  readPort<ToChild>(
    port,
    (...frame) => queue.take(...frame),
    () => {},
  );
