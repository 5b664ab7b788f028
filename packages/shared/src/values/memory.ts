/**
 * Memory for large values, which is used again as soon as a value is not needed.
 *
 * V8 counts memory outside of its heap like its own, and looks through the whole heap whenever a dozen MiB of it were
 * added. Where values of a megabyte pass through a process, most of its time goes into that if their memory is left to the
 * garbage collector. Besides, the system hands out new memory page by page, which takes longer than to copy the value.
 *
 * Tasks run in some of the processes that use this, and may have changed what all code there shares. So what is used here
 * was kept from before.
 */

import { Buffer } from "node:buffer";
import { setTimeout } from "node:timers";

/** Smaller memory is not kept: it costs little. */
const LEAST_BYTES = 16 * 1024;

/** The most memory that is kept for further values. */
const MAX_SPARE_BYTES = 32 * 1024 * 1024;

/** Memory that no value has needed for so long is given back, in ms. */
const KEEP_MS = 1_000;

const allocateNew = Buffer.allocUnsafeSlow.bind(Buffer);
const bufferOf = Buffer.from.bind(Buffer) as (memory: ArrayBuffer) => Buffer<ArrayBuffer>;
const Memory = ArrayBuffer;
const { transfer: move } = Memory.prototype as { readonly transfer: ArrayBuffer["transfer"] };
const { apply } = Reflect;

/** Holds how many writes of this memory are under way. */
const WRITES = Symbol("poolmq.writes");

interface LentMemory {
  [WRITES]?: number;
}

/** Memory that can be used again. */
const spare: ArrayBuffer[] = [];
let spareBytes = 0;
/** Whether any of it came or went since the last look. */
let isBusy = false;
let isTimed = false;

/** Gives memory of its own for a value. Its content is arbitrary. */
export function allocate(bytes: number): Buffer<ArrayBuffer> {
  for (let i = spare.length - 1; i >= 0; i--) {
    const memory = spare[i] as ArrayBuffer;
    if (memory.byteLength !== bytes) continue;
    spare[i] = spare[spare.length - 1] as ArrayBuffer;
    spare.length--;
    spareBytes -= bytes;
    isBusy = true;
    return bufferOf(memory);
  }
  return allocateNew(bytes);
}

/** Keeps memory from being freed while a write of it may be under way. Gives what ends that. */
export function lend({ buffer }: Buffer): () => void {
  const memory = buffer as LentMemory;
  memory[WRITES] = (memory[WRITES] ?? 0) + 1;
  return () => {
    memory[WRITES] = (memory[WRITES] ?? 1) - 1;
  };
}

/**
 * Frees the memory of a value that nobody needs any more: what still refers to it finds it empty. Does nothing with memory
 * that is lent, or is a part of other memory.
 */
export function free(bytes: Buffer): void {
  const memory = ownMemory(bytes);
  if (memory === undefined) return;
  const { byteLength } = memory;
  if (byteLength < LEAST_BYTES || spareBytes + byteLength > MAX_SPARE_BYTES) {
    apply(move, memory, [0]);
    return;
  }
  spare[spare.length] = apply(move, memory, []);
  spareBytes += byteLength;
  isBusy = true;
  if (isTimed) return;
  isTimed = true;
  setTimeout(giveBack, KEEP_MS).unref();
}

/** Frees memory and gives it back at once, where no value of its size is expected. */
export function release(bytes: Buffer): void {
  const memory = ownMemory(bytes);
  if (memory !== undefined) apply(move, memory, [0]);
}

/** The memory of a value, if all of it is the value's, and it is not being written. */
function ownMemory({ buffer, length }: Buffer): ArrayBuffer | undefined {
  if (length === 0 || !(buffer instanceof Memory) || buffer.byteLength !== length) return undefined;
  return ((buffer as LentMemory)[WRITES] ?? 0) > 0 ? undefined : buffer;
}

/** Gives all spare memory back to the system once no value has needed any for a while. */
function giveBack(): void {
  isTimed = isBusy;
  isBusy = false;
  if (isTimed) {
    setTimeout(giveBack, KEEP_MS).unref();
    return;
  }
  for (let i = 0; i < spare.length; i++) apply(move, spare[i], [0]);
  spare.length = 0;
  spareBytes = 0;
}
