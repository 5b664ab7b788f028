/**
 * The pipe between a supervisor and a child: one message per line, `JSON header [TAB text] LF`. JSON escapes tabs and
 * newlines, and payloads hold none, so the text passes through unopened. A header with `bytes` is followed by so many bytes.
 */

import { once } from "node:events";
import type { Socket } from "node:net";

const LF = 0x0a;

/** Is given a message: its header, its text, and the bytes that came with it, in memory of their own. */
export type OnFrame<Header> = (header: Header, text: string, bytes: Buffer | undefined) => void;

/** Reads messages from a socket. */
export function readFrames<Header>(socket: Socket, onFrame: OnFrame<Header>): void {
  // Pieces of a line that is still arriving; joined once, so that a line of many megabytes costs no quadratic copying.
  let pieces: Buffer[] = [];
  /** The message whose bytes are arriving. */
  let head:
    | { readonly header: Header; readonly text: string; readonly bytes: Buffer; filled: number }
    | undefined;

  /** Gives where the rest of the data starts. */
  function takeBytes(message: NonNullable<typeof head>, data: Buffer, start: number): number {
    const { header, text, bytes } = message;
    const copied = data.copy(bytes, message.filled, start);
    message.filled += copied;
    if (message.filled === bytes.length) {
      head = undefined;
      onFrame(header, text, bytes);
    }
    return start + copied;
  }

  function takeLine(line: string): void {
    const tab = line.indexOf("\t");
    const header = JSON.parse(tab === -1 ? line : line.slice(0, tab)) as Header & { readonly bytes?: number };
    const text = tab === -1 ? "" : line.slice(tab + 1);
    if (header.bytes === undefined) return onFrame(header, text, undefined);
    head = { header, text, bytes: Buffer.allocUnsafeSlow(header.bytes), filled: 0 };
  }

  socket.on("data", (data: Buffer) => {
    for (let start = 0; start < data.length;) {
      if (head !== undefined) {
        start = takeBytes(head, data, start);
        if (head !== undefined) release(data);
        continue;
      }
      const end = data.indexOf(LF, start);
      if (end === -1) {
        pieces.push(data.subarray(start));
        return;
      }
      if (pieces.length === 0) {
        takeLine(data.toString("utf8", start, end));
      } else {
        pieces.push(data.subarray(start, end));
        const line = Buffer.concat(pieces).toString();
        pieces = [];
        takeLine(line);
      }
      start = end + 1;
    }
  });
}

/**
 * Frees the memory of what was copied out. Left to the garbage collector, 16 such pieces a megabyte would have it run all
 * the time, for memory outside of the heap that it counts as much as its own.
 */
function release(data: Buffer): void {
  const { buffer } = data as Buffer<ArrayBuffer>;
  if (buffer.byteLength === data.length) buffer.transfer(0);
}

/** Makes the line of one message. */
function frame(header: unknown, text: string): string {
  return text === "" ? `${JSON.stringify(header)}\n` : `${JSON.stringify(header)}\t${text}\n`;
}

/**
 * Collects lines and writes them together at the end of the turn of the event loop: one system call for a burst.
 * `flush()` writes at once, and so does a message that has bytes.
 */
export class FrameWriter {
  readonly #socket: Socket;
  #lines = "";
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(header: object, text = "", bytes?: Buffer): void {
    if (bytes !== undefined) {
      this.#lines += frame({ ...header, bytes: bytes.length }, text);
      this.#socket.cork();
      this.flush();
      if (this.#socket.writable) this.#socket.write(bytes);
      this.#socket.uncork();
      return;
    }
    this.#lines += frame(header, text);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.flush);
  }

  readonly flush = (): void => {
    this.#scheduled = false;
    if (this.#lines === "") return;
    const lines = this.#lines;
    this.#lines = "";
    if (this.#socket.writable) this.#socket.write(lines);
  };

  /** Waits until what was written has left this process. */
  async drained(): Promise<void> {
    if (this.#socket.writableNeedDrain) await once(this.#socket, "drain");
  }
}
