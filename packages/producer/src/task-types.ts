/** Types that carry a task's arguments and result from `typeof tasks` to the call. */

import type { Shared } from "./shared.ts";

// Function types are compared by their parameters: only `any` and `never` stand for "whatever it takes".
// oxlint-disable-next-line typescript/no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/** What `new Pool()` without a type argument knows of its tasks: nothing, so every name and argument is accepted. */
export type UntypedTasks = Record<string, AnyFunction>;

/** Exports that run once per process and are no tasks. */
type Hook = "initializer" | "finalizer";

/** Names of the functions that a tasks module exports. */
export type TaskName<T> = {
  [K in keyof T & string]: K extends Hook ? never : T[K] extends AnyFunction ? K : never;
}[keyof T & string];

/** Names of the functions that can be called with one argument, as `map` does. */
export type MapTaskName<T> = {
  [K in TaskName<T>]: T[K] extends (arg: never) => unknown ? K : never;
}[TaskName<T>];

/** A task: its name, or the function itself where the producer imported it. */
export type TaskRef<T> = TaskName<T> | T[TaskName<T>];

/** A task that `map` takes. */
export type MapTaskRef<T> = MapTaskName<T> | T[MapTaskName<T>];

/** The function behind a task's name or the function itself. */
type FunctionOf<T, R> = R extends keyof T ? T[R] : R;

/** Each argument, or a shared value in its place. */
type OrShared<A extends readonly unknown[]> = { readonly [K in keyof A]: A[K] | Shared<A[K]> };

/** The argument tuple of a task. */
export type ArgumentsOf<T, R> = FunctionOf<T, R> extends (...args: infer A) => unknown ? OrShared<A> : never;

/** The one argument of a task that `map` takes. */
export type ArgumentOf<T, R> =
  FunctionOf<T, R> extends (...args: infer A) => unknown ? OrShared<A>[0] : never;

/** What the calls take as input: a sync or async iterable, finite or not. */
export type Items<V> = Iterable<V> | AsyncIterable<V>;

/** What a task's result is after `await`. */
export type ResultOf<T, R> = FunctionOf<T, R> extends (...args: never[]) => infer V ? Awaited<V> : never;
