import type { Socket } from "node:net";
import { setImmediate } from "node:timers";

/**
 * Turns of the event loop without data after which a pipe counts as empty. One turn reads what is in it; the second is
 * for a stream that was about to resume.
 */
const QUIET_TURNS = 2;

/**
 * Keeps this process alive until everything that was printed into a pipe is read. Otherwise a program whose maps have
 * ended would exit while the last lines of its tasks are still on their way.
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
  // The pipe is paused while its destination can't keep up, and then the destination keeps this process alive.
  pipe.on("resume", goOn);
}
