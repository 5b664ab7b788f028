import type { Writable } from "node:stream";

/** Streams that have failed to take what tasks printed. */
const failed = new WeakSet<Writable>();

function ignore(): void {}

/**
 * Passes on what a task printed. Whoever reads it may be gone, or its disk full: as with `console.log`, that is no reason
 * to end this process.
 */
export function printTo(stream: Writable, printed: string | Uint8Array): void {
  if (stream.destroyed) return;
  // A stream tells an error after it has told it to the write, and several of them where several writes were on their way.
  const isNew = !failed.has(stream);
  if (isNew) stream.once("error", ignore);
  stream.write(printed, (error) => {
    if (!(error instanceof Error) || failed.has(stream)) return;
    failed.add(stream);
    stream.on("error", ignore);
  });
  if (isNew) stream.removeListener("error", ignore);
}
