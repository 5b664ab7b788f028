/**
 * The port between a pool and a thread, in place of the pipe to a process. It takes several messages at a time, each as
 * three elements of one array: the message, its text, and its bytes.
 */

import { setImmediate } from "node:timers";
import type { MessagePort, Transferable } from "node:worker_threads";

import type { OnFrame } from "./frames.ts";
import type { FromChild } from "./pipe-messages.ts";

const schedule = setImmediate;
const bufferOf = Buffer.from.bind(Buffer);
const { isArray } = Array;
const Bytes = Uint8Array;

const NO_MESSAGE = "it sent something that is no message";

/** The messages of a thread: those of a child, and what its tasks print. */
export type FromThread =
  | FromChild
  /** Followed by what was printed, as text or as bytes. */
  | { readonly t: "print"; readonly from: "stdout" | "stderr" };

/** The settings of a thread, given at its start. */
export interface ThreadData {
  /** Path of the tasks module. */
  readonly module: string;
  /** Names the pool in `error.remote`. */
  readonly workerId: string;
  readonly concurrency: number;
  readonly maxOutcomeBytes: number | undefined;
  readonly redactStacks: boolean;
  readonly port: MessagePort;
  readonly claims: Int32Array<SharedArrayBuffer>;
  /** Its only element counts the turns of the thread's event loop. */
  readonly turns: Int32Array<SharedArrayBuffer>;
}

/**
 * Reads messages from a port, which tasks can find and write to. @param onGarbage - called for anything that is not a
 * message
 */
export function readPort<Message>(
  port: MessagePort,
  onFrame: OnFrame<Message>,
  onGarbage: (reason: string) => void,
): void {
  port.on("message", (batch: unknown) => {
    if (!isArray(batch)) return onGarbage(NO_MESSAGE);
    for (let i = 0; i < batch.length; i += 3) {
      const message: unknown = batch[i];
      const text: unknown = batch[i + 1];
      const bytes: unknown = batch[i + 2];
      const isMessage = typeof message === "object" && message !== null && typeof text === "string";
      if (!isMessage || (bytes !== undefined && !(bytes instanceof Bytes))) return onGarbage(NO_MESSAGE);
      onFrame(
        message as Message,
        text,
        bytes === undefined ? undefined : bufferOf(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      );
    }
  });
}

/** Collects messages and posts them together at the end of the turn of the event loop. */
export class PortWriter {
  readonly #port: MessagePort;
  readonly #hands: "copies" | "bytes";
  #batch: unknown[] = [];
  #transfer: Transferable[] = [];
  #scheduled = false;

  /** @param hands - `copies` if the bytes are still needed here, `bytes` to transfer them */
  constructor(port: MessagePort, hands: "copies" | "bytes") {
    this.#port = port;
    this.#hands = hands;
  }

  write(message: object, text = "", bytes?: Uint8Array): void {
    const batch = this.#batch;
    batch[batch.length] = message;
    batch[batch.length] = text;
    batch[batch.length] = bytes;
    if (bytes !== undefined && this.#hands === "bytes" && ownsItsMemory(bytes)) {
      this.#transfer[this.#transfer.length] = bytes.buffer as ArrayBuffer;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    schedule(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  readonly flush = (): void => {
    const batch = this.#batch;
    if (batch.length === 0) return;
    const transfer = this.#transfer;
    this.#batch = [];
    if (transfer.length > 0) this.#transfer = [];
    this.#port.postMessage(batch, transfer);
  };
}

function ownsItsMemory({ buffer, byteLength }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
}
