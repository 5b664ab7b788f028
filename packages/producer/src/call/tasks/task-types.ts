/**
 * Types that carry a task's arguments and result from `typeof tasks` to the call.
 *
 * If a call is wrong, its parameter gets a string type that says what to do, so that the compiler's error shows that
 * sentence.
 */

import type { Shared } from "../../input/shared.ts";
import type { Unsendable } from "./unsendable.ts";

// Function types are compared by their parameters: only `any` and `never` stand for "whatever it takes".
// oxlint-disable-next-line typescript/no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/** What `new Pool()` without a type argument knows of its tasks: nothing, so every name and argument is accepted. */
export type UntypedTasks = Record<string, AnyFunction>;

/** A task, as a call takes it: its name, or the function itself where the producer imported it. */
export type TaskRef = string | AnyFunction;

/** Exports that are not tasks: each runs once per process. */
type Hook = "initializer" | "finalizer";

/**
 * The type of the tasks, as far as it is known. If a pool is made without a type argument and `tasks` is a URL or a path,
 * TypeScript infers `URL` or `object` for `T`, which says nothing.
 */
export type Known<T> = T extends URL ? UntypedTasks : object extends T ? UntypedTasks : T;

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

/** `R` itself if it can be the task of a call; else a text that says what is wrong, or similar names. */
export type Task<T, R> = Checked<Known<T>, R, FunctionName<Known<T>>, never>;

/** As `Task`, for calls that give a task one argument. `Star` is the call for tasks that take more. */
export type MapTask<T, R, Star extends string = "starmap"> = Checked<Known<T>, R, UnaryName<Known<T>>, Star>;

type Checked<T, R, Names, Star extends string> = R extends string
  ? R extends Names
    ? Sent<T[R & keyof T], R>
    : R extends keyof T
      ? Refusal<T[R], R, Star>
      : Close<R, Names & string>
  : R extends T[Names & keyof T]
    ? Sent<R, R>
    : R extends AnyFunction
      ? Refusal<R, "this function", Star>
      : Names;

/** `R`, unless what the function takes or gives can't travel to a worker and back. */
type Sent<F, R> = F extends (...args: infer A) => infer V
  ? [Unsendable<Awaited<V>>] extends [never]
    ? [RefusedArgument<A>] extends [never]
      ? R
      : `${Named<R>} takes ${RefusedArgument<A>}, which can't be sent to a worker`
    : `${Named<R>} gives ${Unsendable<Awaited<V>>}, which can't be sent back from a worker: return plain data`
  : never;

/** The reducer of a call whose results are `V`, if it can be one: `F` itself, else a sentence on what is wrong. */
export type Reducer<T, F, V> = [Task<T, F>] extends [F]
  ? FunctionOf<T, F> extends (a: V, b: V) => V | Promise<V>
    ? F
    : `${Named<F>} is no reducer of these results: it must take two of them and give one`
  : Task<T, F>;

/** What is wrong with the arguments that a call must give. Optional ones are not checked. */
type RefusedArgument<A extends readonly unknown[]> = A extends readonly [infer First, ...infer Others]
  ? Refused<First> | RefusedArgument<Others>
  : never;

/** What is wrong with an argument, if no value of its type can be sent. */
type Refused<V> = [Sendable<V>] extends [never] ? Unsendable<V> : never;

type Sendable<V> = V extends unknown ? ([Unsendable<V>] extends [never] ? V : never) : never;

type Named<R> = R extends string ? R : "this function";

/** Why an export, or a function, can't be the task of the call. */
type Refusal<F, R extends string, Star extends string> = R extends Hook
  ? `${R} runs once per process, and is no task`
  : F extends AnyFunction
    ? R extends "this function"
      ? "this function is not one that the tasks module exports, or takes another number of arguments"
      : `${R} takes more than one argument: use ${Star}() with a tuple for each item`
    : F extends abstract new (...args: never) => unknown
      ? `${R} is a class, and no task: export a function`
      : `${R} is no function, and no task`;

/** Names that begin as this one does, and all of them if none does. */
type Close<R extends string, Names extends string> = [Alike<R, Names>] extends [never]
  ? Names
  : Alike<R, Names>;

type Alike<R extends string, Names extends string> = R extends `${infer A}${infer B}${string}`
  ? Extract<Names, `${A}${B}${string}`>
  : never;

/** The function behind a task's name or the function itself. */
type FunctionOf<T, R> = R extends keyof Known<T> ? Known<T>[R] : R;

/** The argument tuple of a task; any argument may be a value that was shared. */
export type ArgumentsOf<T, R> =
  FunctionOf<T, R> extends (...args: infer A) => unknown
    ? { readonly [K in keyof A]: A[K] | Shared<A[K]> }
    : never;

/** The one argument of a task that `map` takes, or a value that was shared. */
export type ArgumentOf<T, R> =
  // Checked again, because a function of two arguments is assignable to one of any number if the module has such a task.
  FunctionOf<T, R> extends (arg: never) => unknown
    ? FunctionOf<T, R> extends (...args: infer A) => unknown
      ? A[0] | Shared<A[0]>
      : never
    : never;

/**
 * What the calls take as input: a sync or async iterable, finite or not.
 *
 * An array is an iterable too; it is named first because the compiler then reports the single wrong element.
 */
export type Items<V> = readonly V[] | Iterable<V> | AsyncIterable<V>;

/** What a task's result is after `await`. */
export type ResultOf<T, R> = FunctionOf<T, R> extends (...args: never[]) => infer V ? Awaited<V> : never;
