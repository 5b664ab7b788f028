/**
 * A pipe that is read only now and then, while nothing that comes on it is urgent. Each message that is read at once wakes
 * this process up, and takes a core away from the functions that compute.
 *
 * What was written stays in the kernel meanwhile, also if the writer dies.
 */

import { readSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Node's part of a socket. A stream that is paused still reads ahead, so that each message would wake this process up: only
 * the handle can stop that, and there is no public API for it.
 */
interface Handle {
  /** Absent, or negative, where pipes have no descriptors. */
  readonly fd?: number;
  readStart?(): unknown;
  readStop?(): unknown;
}

/** As much as a socket usually holds is read at once. What is left is read the next time. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);

export class QuietPipe {
  readonly #socket: { readonly _handle?: Handle | null };
  readonly #take: (data: Buffer) => void;
  #isQuiet = false;

  /** @param take - takes what was read, and does not keep it: the memory is used again */
  constructor(socket: Socket, take: (data: Buffer) => void) {
    this.#socket = socket as unknown as { readonly _handle?: Handle | null };
    this.#take = take;
  }

  /** Whether messages wait. */
  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  /** Lets messages wait from now on until `readNow` is called. Without effect where that is not possible. */
  start(): void {
    const { _handle: handle } = this.#socket;
    if (this.#isQuiet || (handle?.fd ?? -1) < 0 || handle?.readStop === undefined) return;
    this.#isQuiet = true;
    handle.readStop();
  }

  /** Reads each message at once again, and those that waited. */
  end(): void {
    if (!this.#isQuiet) return;
    this.#isQuiet = false;
    this.#socket._handle?.readStart?.();
  }

  /** Reads what waits. Gives whether messages wait at all. */
  readNow(): boolean {
    if (!this.#isQuiet) return false;
    const length = this.#read();
    if (length > 0) this.#take(buffer.subarray(0, length));
    return true;
  }

  /** Gives the number of bytes that were read. */
  #read(): number {
    const { fd } = this.#socket._handle ?? {};
    try {
      const length = fd === undefined ? 0 : readSync(fd, buffer);
      // The other side has closed it, which the socket is to notice.
      if (length === 0) this.end();
      return length;
    } catch (error) {
      // Whatever else is wrong, the socket is to notice it.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") this.end();
      return 0;
    }
  }
}
