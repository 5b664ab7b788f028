/**
 * The calls of a pool by task: `pool.tasks.add.starmap(tuples)` is `pool.starmap("add", tuples)`. Here the task is an
 * identifier and not a string, so that an editor can go to its function, rename it, and show its comment.
 */

import type { ApplyResult } from "../../result/apply-result.ts";
import type { MapResult } from "../../result/map-result.ts";
import type { ReduceResult } from "../../result/reduce-result.ts";
import type { ResultStream } from "../../result/result-stream.ts";
import type { CallOptions } from "../../options/call-options.ts";
import type { ReduceOptions } from "../../options/reduce-options.ts";
import type {
  ArgumentOf,
  ArgumentsOf,
  Items,
  Known,
  MapTask,
  Reducer,
  ResultOf,
  TaskName,
  TaskRef,
} from "./task-types.ts";

/** The tasks of a pool by name, each with its calls. */
export type TaskDoors<T> = {
  readonly [K in keyof Known<T> as K extends TaskName<T> ? K : never]: TaskDoor<Known<T>, K>;
};

/** The calls of one task: the methods of the pool, without the task's name. */
export interface TaskDoor<T, R> {
  /** Calls it with each item; gives the results in input order. */
  readonly map: One<T, R, "starmap", MapResult<ResultOf<T, R>>>;
  /** Calls it with each tuple of arguments; gives the results in input order. */
  readonly starmap: Many<T, R, MapResult<ResultOf<T, R>>>;
  /** As `map`, as a stream. */
  readonly imap: One<T, R, "istarmap", ResultStream<ResultOf<T, R>>>;
  /** As `imap`, in the order in which results come in. */
  readonly imapUnordered: One<T, R, "istarmapUnordered", ResultStream<ResultOf<T, R>>>;
  /** As `starmap`, as a stream. */
  readonly istarmap: Many<T, R, ResultStream<ResultOf<T, R>>>;
  /** As `istarmap`, in the order in which results come in. */
  readonly istarmapUnordered: Many<T, R, ResultStream<ResultOf<T, R>>>;
  /** Calls it with each item; folds the results into one value. */
  readonly mapReduce: Folded<T, R, OneInput<T, R, "starmapReduce">>;
  /** As `mapReduce`, with each tuple of arguments. */
  readonly starmapReduce: Folded<T, R, Items<ArgumentsOf<T, R>>>;
  /** Calls it once, with a tuple of arguments. */
  readonly apply: (
    args: ArgumentsOf<T, R>,
    options?: CallOptions<ResultOf<T, R>>,
  ) => ApplyResult<ResultOf<T, R>>;
}

/** A call with one argument per item. */
type One<T, R, Star extends string, Gives> = (
  items: OneInput<T, R, Star>,
  options?: CallOptions<ResultOf<T, R>>,
) => Gives;

/** The input of such a call; for a task that can't be called so, a text that says why. */
type OneInput<T, R, Star extends string> =
  MapTask<T, R, Star> extends R ? Items<ArgumentOf<T, R>> : MapTask<T, R, Star>;

/** A call whose results are folded. */
type Folded<T, R, Input> = <F extends TaskRef>(
  items: Input,
  reducer: Reducer<T, F, ResultOf<T, R>>,
  options?: ReduceOptions<ResultOf<T, R>>,
) => ReduceResult<ResultOf<T, R>>;

type Many<T, R, Gives> = (tuples: Items<ArgumentsOf<T, R>>, options?: CallOptions<ResultOf<T, R>>) => Gives;

type Method = (task: string, ...given: unknown[]) => unknown;

type Call = keyof TaskDoor<unknown, unknown>;

const CALLS: readonly Call[] = [
  "map",
  "starmap",
  "imap",
  "imapUnordered",
  "istarmap",
  "istarmapUnordered",
  "mapReduce",
  "starmapReduce",
  "apply",
];

/**
 * Gives the doors of a pool. Each is made on demand, because only the workers know which tasks exist; a call to a task
 * that does not exist fails.
 *
 * @param pool - whose methods the doors call
 */
export function taskDoors<T>(pool: Readonly<Record<Call, unknown>>): TaskDoors<T> {
  const doors = new Map<string, object>();
  const open = (task: string): object =>
    Object.fromEntries(
      CALLS.map((call) => [call, (...given: unknown[]) => (pool[call] as Method).call(pool, task, ...given)]),
    );
  return new Proxy(Object.create(null) as TaskDoors<T>, {
    get(_, name) {
      // An object with a `then` would be treated as a promise.
      if (typeof name !== "string" || name === "then") return undefined;
      const door = doors.get(name) ?? open(name);
      doors.set(name, door);
      return door;
    },
  });
}
