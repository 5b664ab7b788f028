/**
 * A child process: runs the tasks module and nothing else. It holds no Redis connection and no secret of the
 * supervisor's; work comes on fd 3 and outcomes go on fd 6 (see the messages of the pipe), and fd 4 ties its life to the
 * supervisor's.
 *
 * Its one argument: `ChildSettings`, as JSON.
 */

import { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";

import type { ChildSettings } from "../pipe/child-settings.ts";
import { BELL } from "../pipe/bell.ts";
import { FrameWriter, readFramesOf } from "../pipe/frames.ts";
import { headerOf } from "../pipe/header-of.ts";
import { besideThis, nodeFlags } from "../node-command.ts";
import { placesFor } from "../pipe/pipe-depth.ts";
import type { ToChild } from "../pipe/pipe-messages.ts";
import { monotonicMs } from "../pipe/transit.ts";
import { makeClaims } from "./queue/claims.ts";
import { countTurns } from "./count-turns.ts";
import type { GuardData } from "./guard.ts";
import { keepWasmCode } from "./keep-wasm-code.ts";
import { printAtOnce } from "./prints/print-at-once.ts";
import { startTasks } from "./start-tasks.ts";
import { tagPrints } from "./prints/tag-prints.ts";
import { tellLeftover } from "./tell-leftover.ts";
import type { WayOut } from "../item/way-out.ts";

/** The pipe on which work comes. It is not read before the tasks are loaded, and the supervisor sends nothing before. */
const WORK_FD = 3;

/** Records of tasks go to the supervisor on a pipe of their own: tasks may print what they like. */
const RECORDS_FD = 5;

/** How often to read the memory in use, in ms: reading it costs as much as a small task. */
const MEMORY_INTERVAL_MS = 100;

const settings = JSON.parse(process.argv[2] ?? "") as ChildSettings;
const { tellsTransit } = settings;
// Kept from before any task is loaded, since a task may replace them.
const exit = process.exit.bind(process);
const kill = process.kill.bind(process);
const rss = process.memoryUsage.rss.bind(process);

const outcomes = new Socket({ fd: 6, readable: true, writable: true });
const frames = new FrameWriter(outcomes, true);
endWith(outcomes);

// Ctrl-C in a terminal, and some process managers, signal every process of the group. The supervisor decides how the
// machine ends, and this process ends with it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const guardData: GuardData = {
  claims: makeClaims(placesFor(settings.concurrency)),
  turns: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
};
const guard = new Worker(besideThis(import.meta.url, "../child/guard"), {
  workerData: guardData,
  execArgv: nodeFlags(),
  stdout: false,
  stderr: false,
});
guard.unref();
// Not before the guard is online: V8 drops Node's code cache when a flag changes, and the guard, which runs no
// WebAssembly, would start 20 ms later.
guard.once("online", keepWasmCode);
countTurns(guardData.turns);
tellLeftover();

printAtOnce();
const untagPrints = settings.prints === "log" ? tagPrints() : (): void => {};

const out: WayOut = {
  send(message, text = "", bytes) {
    const said = tellsTransit && message.t === "done" ? { ...message, endedAt: monotonicMs() } : message;
    frames.writeLine(headerOf(said, bytes?.length), text, bytes);
  },
  flush: frames.flush,
  drained: () => frames.drained(),
  end(exitCode) {
    try {
      frames.flush();
      // The pipe drains before the process ends; the supervisor reads the last of it first.
      outcomes.end(() => exit(exitCode));
    } catch {
      // A task has damaged what Node itself uses.
      exit(exitCode);
    }
  },
};

/**
 * Ends this process when the pipe is closed, because the supervisor is gone. Without a listener, EPIPE would be an
 * uncaught exception.
 */
function endWith(pipe: Socket): void {
  pipe.on("error", endAlone);
  pipe.on("end", endAlone);
}

/** Ends this process and the programs that its tasks have started, which are in its process group. */
function endAlone(): void {
  try {
    kill(-process.pid, "SIGKILL");
  } finally {
    exit(1);
  }
}

let memoryLookedAt = 0;

function residentBytes(): number | undefined {
  const time = performance.now();
  if (time - memoryLookedAt < MEMORY_INTERVAL_MS) return undefined;
  memoryLookedAt = time;
  return rss();
}

const { module, workerId, concurrency, maxOutcomeBytes, redactStacks, logLevel } = settings;
let work: Socket | undefined;
const queue = await startTasks(out, {
  module,
  workerId,
  concurrency,
  maxOutcomeBytes,
  redactStacks,
  claims: guardData.claims,
  records: { level: logLevel, fd: RECORDS_FD },
  residentBytes,
  onRunEnd: untagPrints,
  ring: () => void work?.write(BELL),
});
if (queue !== undefined) {
  work = readFramesOf<ToChild>(WORK_FD, (...frame) => queue.take(...frame));
  endWith(work);
}
