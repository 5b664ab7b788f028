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
  /** Set if items that have not begun were asked back: the number of chunks as which they will be sent. */
  pieces?: number;
  /** Number of items, from the first on, that it keeps; the others were given back, and are sent as other chunks. */
  cut?: number;
}

/** The number of items for which a chunk brings outcomes. */
export function itemsOf({ n, cut = n }: Pick<Chunk, "n" | "cut">): number {
  return cut;
}

/** Length of a chunk's arguments, in characters and bytes. */
export function sizeOf({ args, bytes }: Chunk): number {
  return args.length + (bytes?.length ?? 0);
}
