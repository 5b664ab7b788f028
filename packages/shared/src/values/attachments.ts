/**
 * Bytes that travel beside a payload instead of in it. Text would carry them as base64: a third more, and read from end to
 * end wherever text is checked, joined or counted on its way.
 *
 *   text    …`@0+1048576`…   names a part of the bytes: offset, length
 *   bytes   one block for all parts of a text: a field of its own in Redis, a block behind the line on a pipe
 */

// Not the global: a task may put something else in its place.
import { Buffer } from "node:buffer";

import { DecodeError } from "../errors/item-errors.ts";
import type { Payload } from "../wire.ts";

/** Begins the name of a part. No JSON text and no other payload starts with it. */
export const ATTACHMENT_MARK = "@";

/** The parts that belong to one text, while it is written. */
export class Attachments {
  readonly #parts: Buffer[] = [];
  #length = 0;

  /** Number of bytes. */
  get length(): number {
    return this.#length;
  }

  /** Takes a part; gives the payload that names it. */
  add(part: Buffer): Payload {
    const name = `${ATTACHMENT_MARK}${this.#length}+${part.length}`;
    this.#parts.push(part);
    this.#length += part.length;
    return name;
  }

  /** Removes the last parts, down to an earlier `length`. */
  cut(length: number): void {
    while (this.#length > length) this.#length -= this.#parts.pop()?.length ?? 0;
  }

  /** The parts as one block; `undefined` if there are none. */
  get bytes(): Buffer | undefined {
    const [first] = this.#parts;
    return this.#parts.length > 1 ? Buffer.concat(this.#parts) : first;
  }
}

/**
 * The part that a payload names. It lies on the bytes, which may be the receiving socket's memory: what is read from it is
 * to be copied.
 *
 * @throws DecodeError if the bytes are not there
 */
export function attachmentOf(name: Payload, bytes: Buffer | undefined): Buffer {
  const [, offset, length] = /^@(\d{1,15})\+(\d{1,15})$/.exec(name) ?? [];
  if (offset === undefined || length === undefined)
    throw new DecodeError("A payload names no part of its bytes");
  const start = Number(offset);
  const end = start + Number(length);
  if (bytes === undefined || end > bytes.length) {
    throw new DecodeError(`A payload has ${bytes?.length ?? 0} bytes beside it, and needs ${end}`);
  }
  return bytes.subarray(start, end);
}
