/**
 * The pipe between a supervisor and a child: one message per line, `JSON header [TAB text] LF`. JSON escapes tabs and
 * newlines, and payloads hold none, so the text passes through unopened. A header with `bytes` is followed by that number
 * of bytes.
 *
 * Tasks run in the same process as the child's end of the pipe, and may have changed shared globals. So the functions
 * used here were kept from before any task was loaded, and a supervisor that reads nonsense is told so instead of failing
 * itself.
 */

import { once } from "node:events";
import { Socket } from "node:net";
import { setImmediate } from "node:timers";

import { allocate, free, lend, release, toJson } from "@poolmq/shared/task";

const { parse, stringify } = JSON;
const concat = Buffer.concat.bind(Buffer);
const schedule = setImmediate;

const LF = 0x0a;

/** Bytes that are read at a time; Node's own size. */
const READ_BYTES = 64 * 1024;

/** The largest number of bytes of a message. A header that claims more is not a message. */
const MAX_FRAME_BYTES = 1024 * 1024 * 1024;

/** Takes a message: its header, its text, and the bytes that came with it, in memory of their own. */
export type OnFrame<Header> = (header: Header, text: string, bytes: Buffer | undefined) => void;

/**
 * Reads messages from a socket. Gives a function that takes what was read from it in another way.
 *
 * @param onGarbage - called once, for the first thing that is not a message; nothing is read after that. Without it, an
 * error is thrown
 */
export function readFrames<Header>(
  socket: Socket,
  onFrame: OnFrame<Header>,
  onGarbage?: (reason: string) => void,
): (data: Buffer) => void {
  const take = frameReader(onFrame, onGarbage);
  socket.on("data", (data: Buffer) => {
    take(data);
    // All of it was copied. Small pieces cost the garbage collector little.
    if (data.length >= READ_BYTES) release(data);
  });
  return take;
}

/**
 * Reads messages from an open file descriptor, as `readFrames` does. Data arrives in one buffer that is used again and
 * again, because allocating one for each read measurably delays a single item.
 */
export function readFramesOf<Header>(fd: number, onFrame: OnFrame<Header>): Socket {
  const take = frameReader(onFrame, undefined);
  const buffer = allocate(READ_BYTES);
  const callback = (length: number): boolean => {
    take(buffer.subarray(0, length));
    return true;
  };
  return new Socket({ fd, readable: true, writable: true, onread: { buffer, callback } });
}

/**
 * Gives a function that takes the pieces of a stream of messages as they arrive, and keeps no reference to their memory.
 */
function frameReader<Header>(
  onFrame: OnFrame<Header>,
  onGarbage: ((reason: string) => void) | undefined,
): (data: Buffer) => void {
  // Pieces of a line that is still arriving. They are joined once, because joining at each piece would copy a long line
  // again and again.
  let pieces: Buffer[] = [];
  let length = 0;
  /** The message whose bytes are arriving. */
  let head:
    | { readonly header: Header; readonly text: string; readonly bytes: Buffer; filled: number }
    | undefined;
  let isBroken = false;

  /** Takes bytes of the message. Gives where the rest of the data starts. */
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
    const header = readHeader<Header>(tab === -1 ? line : line.slice(0, tab));
    if (header === undefined) return refuse(`a line that is no message: ${stringify(line.slice(0, 80))}`);
    const text = tab === -1 ? "" : line.slice(tab + 1);
    const { bytes } = header;
    if (bytes === undefined) return onFrame(header, text, undefined);
    if (!(bytes > 0 && bytes <= MAX_FRAME_BYTES && bytes % 1 === 0))
      return refuse(`a message that claims ${bytes} bytes`);
    head = { header, text, bytes: allocate(bytes), filled: 0 };
  }

  /** Keeps a part of a line until the rest of it arrives. */
  function keep(data: Buffer, start: number, end: number): void {
    const piece = allocate(end - start);
    data.copy(piece, 0, start, end);
    pieces.push(piece);
    length += piece.length;
  }

  function refuse(what: string): void {
    isBroken = true;
    pieces = [];
    head = undefined;
    if (onGarbage === undefined) throw new Error(`The pipe brought ${what}`);
    onGarbage(`it wrote ${what}`);
  }

  return (data) => {
    for (let start = 0; start < data.length && !isBroken;) {
      if (head !== undefined) {
        start = takeBytes(head, data, start);
        continue;
      }
      const end = data.indexOf(LF, start);
      if (end === -1) {
        keep(data, start, data.length);
        if (length > MAX_FRAME_BYTES) refuse(`a line of more than ${MAX_FRAME_BYTES} bytes`);
        return;
      }
      if (pieces.length === 0) {
        takeLine(data.toString("utf8", start, end));
      } else {
        keep(data, start, end);
        const line = concat(pieces).toString();
        pieces = [];
        length = 0;
        takeLine(line);
      }
      start = end + 1;
    }
  };
}

function readHeader<Header>(text: string): (Header & { readonly bytes?: number }) | undefined {
  try {
    const header: unknown = parse(text);
    return typeof header === "object" && header !== null
      ? (header as Header & { readonly bytes?: number })
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Collects lines and writes them together at the end of the turn of the event loop: one system call for a burst.
 * `flush()` writes at once, and so does a message that has bytes.
 */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #freesBytes: boolean;
  #lines = "";
  #scheduled = false;

  /** @param freesBytes - whether the bytes of messages are not needed any more once they are written */
  constructor(socket: Socket, freesBytes = false) {
    this.#socket = socket;
    this.#freesBytes = freesBytes;
  }

  write(header: object, text = "", bytes?: Buffer): void {
    this.writeLine(toJson(bytes === undefined ? header : { ...header, bytes: bytes.length }), text, bytes);
  }

  /** @param header - JSON, which says how many bytes follow, if any */
  writeLine(header: string, text: string, bytes: Buffer | undefined): void {
    this.#lines += text === "" ? `${header}\n` : `${header}\t${text}\n`;
    if (bytes !== undefined) {
      this.#socket.cork();
      this.flush();
      if (this.#socket.writable) this.#writeBytes(bytes);
      this.#socket.uncork();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    schedule(this.#endTurn);
  }

  #writeBytes(bytes: Buffer): void {
    this.#socket.write(bytes, this.#freesBytes ? () => free(bytes) : lend(bytes));
  }

  readonly #endTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  readonly flush = (): void => {
    if (this.#lines === "") return;
    const lines = this.#lines;
    this.#lines = "";
    if (this.#socket.writable) this.#socket.write(lines);
  };

  /** Waits until all messages have left this process. */
  async drained(): Promise<void> {
    if (this.#socket.writableNeedDrain) await once(this.#socket, "drain");
  }
}
