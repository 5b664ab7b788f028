/** Types of values that can't travel to another process as what they are. */

/** Objects with methods that are sent, methods included, because the receiver makes one of the same kind. */
type SentWhole =
  | ArrayBuffer
  | ArrayBufferView
  | bigint
  | boolean
  | Date
  | Error
  | number
  | ReadonlyMap<unknown, unknown>
  | readonly unknown[]
  | ReadonlySet<unknown>
  | RegExp
  | SharedArrayBuffer
  | string
  | symbol;

// Function types are compared by their parameters: only `any` and `never` stand for "whatever it takes".
// oxlint-disable-next-line typescript/no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/**
 * Says in words what kind of value `V` is, if it can't be sent; `never` if it can. Looks no deeper than at the
 * properties of an object: the rest is found when it is sent.
 */
export type Unsendable<V> = unknown extends V
  ? never
  : V extends SentWhole | null | undefined
    ? never
    : V extends AnyFunction | (abstract new (...args: never) => unknown)
      ? "a function"
      : V extends AsyncIterator<unknown>
        ? "an async generator"
        : V extends Iterator<unknown>
          ? "an iterator"
          : V extends object
            ? [MethodName<V>] extends [never]
              ? never
              : `an object with methods (${MethodName<V>})`
            : never;

/** Names of the properties that are always functions, which no plain data has. */
type MethodName<V> = {
  [K in keyof V & string]: unknown extends V[K]
    ? never
    : [V[K]] extends [never]
      ? never
      : V[K] extends AnyFunction
        ? K
        : never;
}[keyof V & string];
