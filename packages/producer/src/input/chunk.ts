import type { Payload } from "@poolmq/shared/internal";

/** Consecutive items that travel as one job. */
export interface Chunk {
  /** Index of the first item. */
  readonly at: number;
  readonly n: number;
  /** The arguments of its items, encoded. */
  readonly args: Payload;
  /** The bytes that they name. */
  readonly bytes?: Buffer | undefined;
  /** Arguments of every tuple that are shared values: position in the tuple, id of the value. */
  readonly shares: readonly (readonly [position: number, shareId: string])[];
  /** When it was sent, by the monotonic clock. */
  sentAt?: number;
  /** Its items that have not begun were asked back, to be sent as so many chunks. */
  pieces?: number;
  /** Only the first so many items are its own any more: the others were given back, and are sent as other chunks. */
  cut?: number;
}

/** How many items a chunk brings outcomes for. */
export function itemsOf({ n, cut = n }: Pick<Chunk, "n" | "cut">): number {
  return cut;
}

/** Length of a chunk's arguments, in characters and bytes. */
export function sizeOf({ args, bytes }: Chunk): number {
  return args.length + (bytes?.length ?? 0);
}
