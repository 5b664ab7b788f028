/** Cuts a stream of Redis's protocol (RESP 2 and 3) into whole frames, for the proxy, which changes single ones. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Gives the frames that are complete now. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Buffer[] = [];
    for (;;) {
      const end = frameEnd(this.#rest, 0);
      if (end === undefined) return frames;
      frames.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Index after the frame that starts at `start`; undefined if it is not complete. */
function frameEnd(bytes: Buffer, start: number): number | undefined {
  const newline = bytes.indexOf("\r\n", start);
  if (newline < 0) return undefined;
  const type = String.fromCharCode(bytes[start] ?? 0);
  const count = Number(bytes.toString("latin1", start + 1, newline));
  let end = newline + 2;
  if ("$=!".includes(type)) {
    if (count < 0) return end;
    return end + count + 2 <= bytes.length ? end + count + 2 : undefined;
  }
  if (!"*~>%|".includes(type)) return end;
  // An attribute (|) stands before the value that it belongs to.
  const parts = type === "%" ? count * 2 : type === "|" ? count * 2 + 1 : Math.max(count, 0);
  for (let part = 0; part < parts; part += 1) {
    const next = frameEnd(bytes, end);
    if (next === undefined) return undefined;
    end = next;
  }
  return end;
}

/** The words of a command: an array of bulk strings. */
export function commandWords(frame: Buffer): string[] {
  const words: string[] = [];
  let at = frame.indexOf("\r\n") + 2;
  while (at < frame.length) {
    const newline = frame.indexOf("\r\n", at);
    const length = Number(frame.toString("latin1", at + 1, newline));
    words.push(frame.toString("utf8", newline + 2, newline + 2 + length));
    at = newline + 2 + length + 2;
  }
  return words;
}
