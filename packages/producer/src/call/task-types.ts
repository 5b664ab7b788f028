/** Types that carry a task's arguments and result from `typeof tasks` to the call. */

import type { Shared } from "../map/shared.ts";

// Function types are compared by their parameters: only `any` and `never` stand for "whatever it takes".
// oxlint-disable-next-line typescript/no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/** What `new Pool()` without a type argument knows of its tasks: nothing, so every name and argument is accepted. */
export type UntypedTasks = Record<string, AnyFunction>;

/** Exports that run once per process and are no tasks. */
type Hook = "initializer" | "finalizer";

/**
 * What is known of the tasks. Where a pool is built without a type argument and `tasks` is a URL or a path, TypeScript
 * takes `URL` or `object` for `T`, which says nothing.
 */
type Known<T> = T extends URL ? UntypedTasks : object extends T ? UntypedTasks : T;

/** Names of the functions that a tasks module exports. */
export type TaskName<T> = FunctionName<Known<T>>;

type FunctionName<T> = {
  [K in keyof T & string]: K extends Hook ? never : T[K] extends AnyFunction ? K : never;
}[keyof T & string];

/** Names of the functions that can be called with one argument, as `map` does. */
export type MapTaskName<T> = UnaryName<Known<T>>;

type UnaryName<T> = {
  [K in FunctionName<T>]: T[K] extends (arg: never) => unknown ? K : never;
}[FunctionName<T>];

/** A task: its name, or the function itself where the producer imported it. */
export type TaskRef<T> = TaskName<T> | Known<T>[TaskName<T> & keyof Known<T>];

/** A task that `map` takes. */
export type MapTaskRef<T> = MapTaskName<T> | Known<T>[MapTaskName<T> & keyof Known<T>];

/** The function behind a task's name or the function itself. */
type FunctionOf<T, R> = R extends keyof Known<T> ? Known<T>[R] : R;

/** The argument tuple of a task; any argument may be a value that was shared. */
export type ArgumentsOf<T, R> =
  FunctionOf<T, R> extends (...args: infer A) => unknown
    ? { readonly [K in keyof A]: A[K] | Shared<A[K]> }
    : never;

/** The one argument of a task that `map` takes, or a value that was shared. */
export type ArgumentOf<T, R> =
  // Asked again: a function of two arguments passes for one of any number, if the module has such a task.
  FunctionOf<T, R> extends (arg: never) => unknown
    ? FunctionOf<T, R> extends (...args: infer A) => unknown
      ? A[0] | Shared<A[0]>
      : never
    : never;

/** What the calls take as input: a sync or async iterable, finite or not. */
export type Items<V> = Iterable<V> | AsyncIterable<V>;

/** What a task's result is after `await`. */
export type ResultOf<T, R> = FunctionOf<T, R> extends (...args: never[]) => infer V ? Awaited<V> : never;
