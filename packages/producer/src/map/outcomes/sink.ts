/** Is told what becomes of a map's items: the handle or the stream that the caller holds. */

/** How a map ended: every one of `total` items was settled, or `error` says why there are no more. */
export type MapEnd =
  | { readonly total: number }
  | {
      readonly error: unknown;
      /** Only the pool has ended: a durable map stays for others. */
      readonly stays?: boolean;
      /** Number of items as far as it was known then; `undefined` if the call was refused. */
      readonly items?: number;
    };

/** Stands for the result of an item that is folded into that of an item before it, where a call's results may be folded. */
export const FOLDED: unique symbol = Symbol("folded");

/** Is told what becomes of the items, each exactly once, in the order in which they finish. */
export interface Sink {
  /** There will be so many items, or fewer. The first call, if that is known. */
  expect?(items: number): void;
  succeeded(index: number, value: unknown): void;
  /** The same of consecutive items, the first of which has index `at`. Absent: `succeeded` is called for each item. */
  succeededAll?(at: number, values: readonly unknown[]): void;
  failed(index: number, error: unknown): void;
  /** The last call. */
  ended(end: MapEnd): void;
}
