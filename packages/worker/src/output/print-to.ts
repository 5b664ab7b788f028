import type { Writable } from "node:stream";

function ignore(): void {}

/**
 * Passes on what a task printed. Whoever reads it may be gone, or its disk full: as with `console.log`, that is no reason
 * to end this process.
 */
export function printTo(stream: Writable, printed: string | Uint8Array): void {
  if (stream.destroyed) return;
  stream.once("error", ignore);
  stream.write(printed, (error) => {
    // It emits the error after this, by which time no other listener may be there.
    if (error instanceof Error && stream.listenerCount("error") === 0) stream.once("error", ignore);
  });
  stream.removeListener("error", ignore);
}
