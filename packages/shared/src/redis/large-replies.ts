/**
 * Takes large values out of what a connection brings, before ioredis reads it.
 *
 * ioredis keeps the pieces of 64 KiB in which a value arrives, joins them in a copy, and leaves the rest to the garbage
 * collector, which then looks through the whole heap every dozen MiB: more than half of all the time that a value took.
 * Here each piece is copied to its place and freed at once, and ioredis reads a null in the place of the value.
 *
 * A reply begins behind a mark: the answer to a PING that was sent right before the command. Nobody else knows the mark,
 * so that no value can be mistaken for it. From there to its end, a reply is a list of lines, of which each says what
 * follows.
 */

import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";

import { allocate, release } from "../values/memory.ts";

/** Values from this size on are taken out: as large as the pieces that a socket reads. */
export const LARGE_VALUE_BYTES: number = 64 * 1024;

/** Enough that nobody can guess it. */
const MARK_BYTES = 16;

const NOTHING = Buffer.alloc(0);
const LINE_FEED = 0x0a;
/** The line end behind a text. */
const END_BYTES = 2;

/** How ioredis is told that there is no value, in both versions of the protocol. */
const NULL = Buffer.from("$-1\r\n");

/** A reply whose large values are to be taken out. Before the last of them, it must have no other nulls. */
export class LargeReply {
  /** To be sent by PING, right before the command. */
  readonly mark: string = randomBytes(MARK_BYTES).toString("hex");
  readonly #values: Buffer[] = [];
  #replies: LargeReplies | undefined;

  /** Begins to look for the mark. To be called when the command is written to this socket. */
  expectOn(socket: Socket): void {
    this.#replies = repliesOf(socket);
    this.#replies.expect(this);
  }

  take(value: Buffer): void {
    this.#values.push(value);
  }

  /** Gives the reply with its values in their places. To be called once nothing more will come. */
  complete(reply: unknown): unknown {
    this.#replies?.forget(this);
    return this.#values.length === 0 ? reply : this.#fill(reply);
  }

  #fill(reply: unknown): unknown {
    if (reply === null) return this.#values.shift() ?? null;
    if (Array.isArray(reply)) for (let i = 0; i < reply.length; i++) reply[i] = this.#fill(reply[i]);
    return reply;
  }
}

const repliesBySocket = new WeakMap<Socket, LargeReplies>();

function repliesOf(socket: Socket): LargeReplies {
  let replies = repliesBySocket.get(socket);
  if (replies === undefined) {
    replies = new LargeReplies(socket);
    repliesBySocket.set(socket, replies);
  }
  return replies;
}

/** A value that is being taken out. */
interface TakenValue {
  readonly bytes: Buffer;
  /** The number of bytes of it that have come, with its line end. */
  filled: number;
}

/** Reads what one socket brings, while large replies are expected on it. */
class LargeReplies {
  readonly #socket: Socket;
  readonly #push: (data: Buffer | null) => boolean;
  readonly #expected: LargeReply[] = [];
  /** The end of what was read, in which a mark or a line may have begun. */
  #held = NOTHING;
  /** The reply that is arriving. */
  #reply: LargeReply | undefined;
  /** The number of its values that are still to come. */
  #left = 0;
  /** The number of bytes that are still to come of a text that is not taken out, with its line end. */
  #skip = 0;
  #value: TakenValue | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#push = socket.push.bind(socket);
    socket.push = (data: Buffer | null) => {
      const isIdle = this.#reply === undefined && this.#expected.length === 0;
      return data === null || isIdle ? this.#push(data) : this.#read(data);
    };
  }

  expect(reply: LargeReply): void {
    this.#expected.push(reply);
  }

  forget(reply: LargeReply): void {
    const place = this.#expected.indexOf(reply);
    if (place !== -1) this.#expected.splice(place, 1);
    if (this.#expected.length === 0 && this.#reply === undefined) this.#held = NOTHING;
  }

  /** Gives whether the socket may go on reading. */
  #read(data: Buffer): boolean {
    const rest: Buffer[] = [];
    /** Where that begins which is for ioredis. */
    let from = 0;
    let at = 0;
    const keepUpTo = (end: number): void => {
      if (end > from) rest.push(data.subarray(from, end));
    };
    while (at < data.length) {
      if (this.#value !== undefined) {
        at = this.#fill(this.#value, data, at, rest);
        from = at;
      } else if (this.#skip > 0) {
        const end = Math.min(data.length, at + this.#skip);
        this.#skip -= end - at;
        at = end;
        if (this.#skip === 0) this.#endValue();
      } else if (this.#reply === undefined) {
        at = this.#findMark(data, at);
      } else {
        const feed = data.indexOf(LINE_FEED, at);
        const piece = data.subarray(at, feed === -1 ? data.length : feed + 1);
        const line = Buffer.concat([this.#held, piece]);
        // A line is for ioredis once it is known that it announces nothing large.
        keepUpTo(at);
        at += piece.length;
        from = at;
        this.#held = feed === -1 ? line : NOTHING;
        if (feed !== -1 && !this.#announcesLarge(line)) rest.push(line);
      }
    }
    keepUpTo(at);
    return this.#passOn(data, rest);
  }

  #passOn(data: Buffer, rest: readonly Buffer[]): boolean {
    const [first] = rest;
    const isWhole = first?.length === data.length && first.buffer === data.buffer;
    if (isWhole) return this.#push(data);
    // What is left is copied, so that the data can be freed.
    const copy = Buffer.concat(rest);
    release(data);
    if (copy.length > 0) return this.#push(copy);
    // ioredis closes a connection on which it hears nothing for long, and a value may take longer than that to come.
    this.#socket.emit("data", NOTHING);
    return true;
  }

  /** Takes bytes of a value. Gives where they end. */
  #fill(value: TakenValue, data: Buffer, start: number, rest: Buffer[]): number {
    const { bytes } = value;
    const end = Math.min(data.length, start + bytes.length + END_BYTES - value.filled);
    if (value.filled < bytes.length) data.copy(bytes, value.filled, start, end);
    value.filled += end - start;
    if (value.filled === bytes.length + END_BYTES) {
      this.#value = undefined;
      this.#reply?.take(bytes);
      rest.push(NULL);
      this.#endValue();
    }
    return end;
  }

  /** Gives where the mark of the next reply ends; the end of the data if it is not there. */
  #findMark(data: Buffer, start: number): number {
    const [next] = this.#expected;
    if (next === undefined) return data.length;
    const mark = `${next.mark}\r\n`;
    // Where the last data ended in the middle of the mark, it is found in both together.
    const seam = Buffer.concat([this.#held, data.subarray(start, start + mark.length)]);
    const inSeam = this.#held.length === 0 ? -1 : seam.indexOf(mark, 0, "latin1");
    const found = inSeam === -1 ? data.indexOf(mark, start, "latin1") : inSeam - this.#held.length + start;
    if (found === -1) {
      const end = data.subarray(Math.max(start, data.length - mark.length + 1));
      this.#held = Buffer.concat([this.#held, end]).subarray(-(mark.length - 1));
      return data.length;
    }
    this.#held = NOTHING;
    this.#expected.shift();
    this.#reply = next;
    this.#left = 1;
    return found + mark.length;
  }

  /** Reads a line of the reply. Gives whether it announces a value that is to be taken out. */
  #announcesLarge(line: Buffer): boolean {
    const length = Number(line.toString("latin1", 1, line.length - END_BYTES));
    switch (String.fromCharCode(line[0] ?? 0)) {
      case "$":
        if (length >= LARGE_VALUE_BYTES) {
          this.#value = { bytes: allocate(length), filled: 0 };
          return true;
        }
        if (length >= 0) return this.#skipText(length);
        break;
      case "=":
      case "!":
        return this.#skipText(length);
      case "*":
      case "~":
        if (length > 0) this.#left += length;
        break;
      case "%":
        this.#left += 2 * length;
        break;
      // These come in addition to the values of a reply.
      case "|":
        this.#left += 2 * length + 1;
        break;
      case ">":
        this.#left += length + 1;
        break;
    }
    this.#endValue();
    return false;
  }

  #skipText(length: number): false {
    this.#skip = length + END_BYTES;
    return false;
  }

  #endValue(): void {
    this.#left--;
    if (this.#left === 0) this.#reply = undefined;
  }
}
