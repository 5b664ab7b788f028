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
  // Pieces of a line, or of bytes, that are still arriving; joined once, so that many megabytes cost no quadratic copying.
  let pieces: Buffer[] = [];
  /** The message whose bytes are arriving. */
  let head: { readonly header: Header; readonly text: string; readonly bytes: number } | undefined;
  let missing = 0;

  function takeBytes(data: Buffer, start: number): number {
    const piece = data.subarray(start, start + missing);
    pieces.push(piece);
    missing -= piece.length;
    if (missing === 0 && head !== undefined) {
      const { header, text, bytes } = head;
      const block = Buffer.concat(pieces, bytes);
      pieces = [];
      head = undefined;
      onFrame(header, text, block);
    }
    return start + piece.length;
  }

  function takeLine(line: string): void {
    const tab = line.indexOf("\t");
    const header = JSON.parse(tab === -1 ? line : line.slice(0, tab)) as Header & { readonly bytes?: number };
    const text = tab === -1 ? "" : line.slice(tab + 1);
    if (header.bytes === undefined) return onFrame(header, text, undefined);
    head = { header, text, bytes: header.bytes };
    missing = header.bytes;
  }

  socket.on("data", (data: Buffer) => {
    for (let start = 0; start < data.length;) {
      if (head !== undefined) {
        start = takeBytes(data, start);
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
