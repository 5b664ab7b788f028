import { connect } from "node:net";
import type { Socket } from "node:net";

import { commandWords, FrameReader } from "./resp.ts";

export interface ProxyTarget {
  readonly port: number;
  /** Unix socket, if the port is 0. */
  readonly socket: string;
}

export interface Shape {
  /** Delay that is added in each direction, in ms. */
  readonly delayMs?: number;
  /** Random additional delay of up to this, in ms. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
}

/** What happens to a command that a rule matches, or to its reply. */
export type Meddling =
  /** Redis never sees the command; the client gets this reply, such as `"-LOADING Redis is loading"`. */
  | { readonly answer: string }
  /** Redis runs the command; the client gets this reply in place of the real one. */
  | { readonly replaceReply: string }
  /** Redis runs the command; the reply is lost and the connection with it. */
  | { readonly loseReply: true };

export interface Rule {
  readonly matches: (command: readonly string[]) => boolean;
  /** Undefined: the command is only noticed. */
  readonly meddling: Meddling | undefined;
  left: number;
  readonly onHit: () => void;
}

/** The state that all links of a proxy share. The proxy changes it while they are open. */
export interface ProxyState {
  target: ProxyTarget;
  readonly random: () => number;
  rules: Rule[];
  shape: Shape;
  refusing: boolean;
  dropping: boolean;
  /** Directions in which bytes are held back. */
  readonly holding: Set<Direction>;
}

export type Direction = "to Redis" | "to the client";

/** These answer with pushes (RESP 3), which are not counted as replies. */
const WITHOUT_REPLY = /^[ps]?(un)?subscribe$/i;

export const BOTH: readonly Direction[] = ["to Redis", "to the client"];

/** One client's connection and the one to Redis behind it. */
export class Link {
  /** Directions in which bytes vanish. */
  readonly dead: Set<Direction>;
  readonly #client: Socket;
  readonly #redis: Socket;
  readonly #state: ProxyState;
  readonly #toRedis: Shaper;
  readonly #toClient: Shaper;
  /** How to treat each outstanding reply, in the order of the commands. */
  readonly #due: (Meddling | undefined)[] = [];
  readonly #held: Buffer[] = [];
  readonly #heldCommands: Buffer[] = [];

  constructor(client: Socket, state: ProxyState) {
    this.#client = client;
    this.#state = state;
    this.dead = new Set(state.dropping ? BOTH : []);
    const { port, socket } = state.target;
    this.#redis = port === 0 ? connect(socket) : connect(port, "127.0.0.1");
    this.#redis.setNoDelay(true);
    this.#toRedis = new Shaper(this.#redis, state);
    this.#toClient = new Shaper(client, state);
    const commands = new FrameReader();
    const replies = new FrameReader();
    client.on("data", (chunk) => {
      if (this.dead.has("to Redis")) return;
      for (const frame of commands.push(chunk)) {
        if (state.holding.has("to Redis")) this.#heldCommands.push(frame);
        else this.#command(frame);
      }
    });
    this.#redis.on("data", (chunk) => {
      if (!this.dead.has("to the client")) for (const frame of replies.push(chunk)) this.#reply(frame);
    });
    client.on("error", () => undefined);
    this.#redis.on("error", () => undefined);
    client.once("close", () => this.#redis.destroy());
    // While the link is half-open, neither side learns that the other has closed.
    this.#redis.once("close", () => {
      if (this.dead.size === 0) client.destroy();
    });
  }

  cut(): void {
    this.#client.resetAndDestroy();
    this.#redis.destroy();
  }

  /** Passes on the bytes that were held back. */
  release(): void {
    for (const frame of this.#heldCommands.splice(0)) this.#command(frame);
    for (const frame of this.#held.splice(0)) this.#toClient.write(frame);
  }

  #command(frame: Buffer): void {
    const words = commandWords(frame);
    const rule = this.#state.rules.find(({ left, matches }) => left > 0 && matches(words));
    if (rule) {
      rule.left -= 1;
      if (rule.left === 0) rule.onHit();
    }
    const meddling = rule?.meddling;
    const isAnswered = meddling !== undefined && "answer" in meddling;
    if (isAnswered || !WITHOUT_REPLY.test(words[0] ?? "")) this.#due.push(meddling);
    if (isAnswered) this.#answerDue();
    else this.#toRedis.write(frame);
  }

  #reply(frame: Buffer): void {
    if (frame[0] === ">".charCodeAt(0)) {
      this.#send(frame);
      return;
    }
    const meddling = this.#due.shift();
    if (meddling && "loseReply" in meddling) {
      this.cut();
      return;
    }
    this.#send(meddling && "replaceReply" in meddling ? Buffer.from(`${meddling.replaceReply}\r\n`) : frame);
    this.#answerDue();
  }

  /** Sends the proxy's own answers before which no reply of Redis is outstanding any more. */
  #answerDue(): void {
    for (let [next] = this.#due; next && "answer" in next; [next] = this.#due) {
      this.#due.shift();
      this.#send(Buffer.from(`${next.answer}\r\n`));
    }
  }

  #send(frame: Buffer): void {
    if (this.#state.holding.has("to the client")) this.#held.push(frame);
    else this.#toClient.write(frame);
  }
}

/** Delays writes, in order. */
class Shaper {
  readonly #socket: Socket;
  readonly #state: ProxyState;
  readonly #queue: Buffer[] = [];
  #freeAt = 0;

  constructor(socket: Socket, state: ProxyState) {
    this.#socket = socket;
    this.#state = state;
  }

  write(bytes: Buffer): void {
    const { delayMs = 0, jitterMs = 0, bytesPerSecond } = this.#state.shape;
    const now = performance.now();
    const sendMs = bytesPerSecond === undefined ? 0 : (bytes.length * 1_000) / bytesPerSecond;
    const arrives = now + delayMs + jitterMs * this.#state.random();
    this.#freeAt = Math.max(this.#freeAt, arrives) + sendMs;
    const waitMs = this.#freeAt - now;
    if (waitMs <= 0 && this.#queue.length === 0) {
      this.#flush(bytes);
      return;
    }
    // Timers that are due in the same millisecond may fire in any order, so each sends the first bytes of the queue.
    this.#queue.push(bytes);
    setTimeout(() => this.#flush(this.#queue.shift()), Math.max(waitMs, 0));
  }

  #flush(bytes: Buffer | undefined): void {
    if (bytes && !this.#socket.destroyed) this.#socket.write(bytes);
  }
}
