import type { Socket } from "node:net";

/** A turn of the event loop reads what is in a pipe. The second one is for a stream that was about to go on. */
const QUIET_TURNS = 2;

/**
 * Keeps this process alive until what was printed into a pipe is read, although nothing else waits for it: a program whose
 * maps have ended ends by itself, while the last lines of its tasks may still be on their way.
 */
export function keepReading(pipe: Pick<Socket, "on" | "ref" | "unref">): void {
  let turns = 0;
  let isKept = false;
  const look = (): void => {
    if (turns-- > 0) return void setImmediate(look);
    isKept = false;
    pipe.unref();
  };
  const goOn = (): void => {
    turns = QUIET_TURNS;
    if (isKept) return;
    isKept = true;
    pipe.ref();
    setImmediate(look);
  };
  pipe.on("data", goOn);
  // While its destination can't keep up it is paused, and the destination keeps this process alive.
  pipe.on("resume", goOn);
}
