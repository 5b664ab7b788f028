/**
 * A thread of the child, for what must work while user code blocks the main thread. fd 4 is its line to the supervisor:
 * - it ends the process when the supervisor is gone: the kernel closes the line however the supervisor dies;
 * - it takes back runs that wait behind a long one.
 */

import { Socket } from "node:net";
import { workerData } from "node:worker_threads";

import { FrameWriter, readFrames } from "../pipe/frames.ts";
import type { FromGuard, ToGuard } from "../pipe/pipe-messages.ts";
import { revoke } from "./claims.ts";

const claims = workerData as Int32Array<SharedArrayBuffer>;
const line = new Socket({ fd: 4, readable: true, writable: true });
const out = new FrameWriter(line);
const end = (): void => void process.kill(process.pid, "SIGKILL");
line.on("close", end);
line.on("error", end);
readFrames<ToGuard>(line, ({ id, slot }) => {
  out.write({ t: "revoked", id, ok: revoke(claims, slot, id) } satisfies FromGuard);
});
