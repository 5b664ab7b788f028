import type { Writable } from "node:stream";

/** Streams that have failed to take what tasks printed. */
const failed = new WeakSet<Writable>();

function ignore(): void {}

/**
 * Passes on what a task printed. If its reader is gone or the disk is full, this process goes on, as after `console.log`.
 */
export function printTo(stream: Writable, printed: string | Uint8Array): void {
  if (stream.destroyed) return;
  // A stream emits an error after the write's callback had it, and once for each write that was on its way.
  const isNew = !failed.has(stream);
  if (isNew) stream.once("error", ignore);
  stream.write(printed, (error) => {
    if (!(error instanceof Error) || failed.has(stream)) return;
    failed.add(stream);
    stream.on("error", ignore);
  });
  if (isNew) stream.removeListener("error", ignore);
}
