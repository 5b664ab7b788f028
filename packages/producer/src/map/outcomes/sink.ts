/** A sink takes the outcomes of a map's items, for the handle or the stream that the caller holds. */

/** How a map ended: every one of `total` items was settled, or `error` says why there are no more. */
export type MapEnd =
  | { readonly total: number }
  | {
      readonly error: unknown;
      /** Set if only the pool has ended; a durable map stays for other processes. */
      readonly stays?: boolean;
      /** Number of items, as far as it was known; `undefined` if the call was refused. */
      readonly items?: number;
    };

/** Stands for the result of an item that is folded into that of an item before it. */
export const FOLDED: unique symbol = Symbol("folded");

/** Takes the outcome of each item exactly once, in the order in which they finish. */
export interface Sink {
  /** Announces that there will be at most `items` items. It is the first call, if that is known. */
  expect?(items: number): void;
  succeeded(index: number, value: unknown): void;
  /** As `succeeded`, for consecutive items, the first of which has index `at`. Absent: `succeeded` is called for each. */
  succeededAll?(at: number, values: readonly unknown[]): void;
  failed(index: number, error: unknown): void;
  /** The last call. */
  ended(end: MapEnd): void;
}
