/**
 * A thread of the child, for what must work even while user code blocks the main thread or has broken it. It talks to the
 * supervisor on fd 4:
 * - it ends the process, and what its tasks have started, when the supervisor is gone: the kernel closes the line however
 *   the supervisor dies;
 * - it takes back runs that wait behind a long one, and items that wait in a run of several;
 * - it says whether the main thread's event loop turns, where in its code the main thread is, and whether it runs what an
 *   ended item left behind.
 */

import { Socket } from "node:net";
import { workerData } from "node:worker_threads";

import { FrameWriter, readFrames } from "../pipe/frames.ts";
import type { FromGuard, ToGuard } from "../pipe/pipe-messages.ts";
import { answerClaim } from "./answer-claim.ts";

/** What the main thread and its guard both see. */
export interface GuardData {
  readonly claims: Int32Array<SharedArrayBuffer>;
  /** Its only element counts the turns of the main thread's event loop. */
  readonly turns: Int32Array<SharedArrayBuffer>;
}

const { claims, turns } = workerData as GuardData;
const line = new Socket({ fd: 4, readable: true, writable: true });
const out = new FrameWriter(line);
line.on("close", end);
line.on("error", end);
readFrames<ToGuard>(line, answer, end);

function answer(message: ToGuard): void {
  if (message.t === "stack") return void tellStack(message.id);
  if (message.t === "leftover") return void tellLeftover(message.id);
  out.write(
    message.t === "ping" ? { t: "alive", turns: Atomics.load(turns, 0) } : answerClaim(claims, message),
  );
}

/** `main-stack.ts` is loaded on demand, because stacks are seldom asked for. */
async function tellStack(id: number): Promise<void> {
  const frames = await import("./main-stack.ts").then(
    async ({ mainStack }) => await mainStack(),
    () => [],
  );
  out.write({ t: "stack", id, frames } satisfies FromGuard);
}

/** `main-leftover.ts` is loaded on demand too. */
async function tellLeftover(id: number): Promise<void> {
  const of = await import("./main-leftover.ts").then(
    async ({ mainLeftover }) => await mainLeftover(),
    () => undefined,
  );
  out.write({ t: "leftover", id, of } satisfies FromGuard);
}

function end(): void {
  try {
    // The child leads a process group of its own, which includes the programs that its tasks have started.
    process.kill(-process.pid, "SIGKILL");
  } finally {
    process.kill(process.pid, "SIGKILL");
  }
}
