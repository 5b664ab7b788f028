/**
 * The pipe between a supervisor and a child: one message per line, `JSON header [TAB text] LF`. JSON escapes tabs and
 * newlines, and payloads hold none, so the text passes through unopened.
 */

import type { Socket } from "node:net";

/** Reads lines from a socket and hands on each one's header and text. */
export function readFrames<Header>(socket: Socket, onFrame: (header: Header, text: string) => void): void {
  // Pieces of a line that is still arriving; joined once, so that a line of many megabytes costs no quadratic copying.
  let pieces: string[] = [];
  socket.setEncoding("utf8");
  socket.on("data", (data: string) => {
    let start = 0;
    for (;;) {
      const end = data.indexOf("\n", start);
      if (end === -1) break;
      let line = data.slice(start, end);
      if (pieces.length > 0) {
        pieces.push(line);
        line = pieces.join("");
        pieces = [];
      }
      start = end + 1;
      const tab = line.indexOf("\t");
      if (tab === -1) onFrame(JSON.parse(line) as Header, "");
      else onFrame(JSON.parse(line.slice(0, tab)) as Header, line.slice(tab + 1));
    }
    if (start < data.length) pieces.push(data.slice(start));
  });
}

/** Makes the line of one message. */
function frame(header: unknown, text = ""): string {
  return text === "" ? `${JSON.stringify(header)}\n` : `${JSON.stringify(header)}\t${text}\n`;
}

/**
 * Collects lines and writes them together at the end of the turn of the event loop: one system call for a burst.
 * `flush()` writes at once.
 */
export class FrameWriter {
  readonly #socket: Socket;
  #lines = "";
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(header: unknown, text = ""): void {
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
}
