/** Types of values that can't be sent to another process unchanged. */

/** Objects with methods that can be sent, because the receiver makes an object of the same class. */
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
 * Says what kind of value `V` is, if it can't be sent; `never` if it can. It looks only at an object's own properties;
 * deeper ones are checked at run time, when the value is sent.
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
