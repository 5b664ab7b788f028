/**
 * The calls of a pool, the same for all engines. The beginning of a call is in `call/begin-call.ts`, the other methods of
 * a pool are in `living-pool.ts`, and the engine brings chunks to workers.
 */

import { beginAttach } from "../call/begin-attach.ts";
import { bindReducer } from "../call/tasks/bind-reducer.ts";
import { beginCall } from "../call/begin-call.ts";
import type { AskedCall } from "../call/begin-call.ts";
import { taskDoors } from "../call/tasks/task-doors.ts";
import type { TaskDoors } from "../call/tasks/task-doors.ts";
import type {
  ArgumentOf,
  ArgumentsOf,
  Items,
  MapTask,
  Reducer,
  ResultOf,
  Task,
  TaskRef,
} from "../call/tasks/task-types.ts";
import { appliedTuple, checkedTuples, singles } from "../input/input.ts";
import type { Input } from "../input/input.ts";
import type { CallOptions } from "../options/call-options.ts";
import { readReduceOptions } from "../options/reduce-options.ts";
import type { ReduceOptions } from "../options/reduce-options.ts";
import { ApplyResult } from "../result/apply-result.ts";
import { MapResult } from "../result/map-result.ts";
import { OneSlot } from "../result/one-slot.ts";
import { Slots } from "../result/ordered-results.ts";
import { ReduceResult } from "../result/reduce-result.ts";
import { ReduceSlot } from "../result/reduce-slot.ts";
import { ResultStream } from "../result/result-stream.ts";
import { StreamBuffer } from "../result/stream-buffer.ts";
import { contextOf, LivingPool } from "./living-pool.ts";
import { RunningMaps } from "./running-maps.ts";

/**
 * What `Pool` and `ThreadPool` have in common, for code that takes either.
 *
 * @typeParam T - type of the tasks module
 */
export class BasePool<T extends object> extends LivingPool {
  readonly #running = new RunningMaps();
  #doors: TaskDoors<T> | undefined;

  /**
   * The tasks by name, each with the calls of the pool: `pool.tasks.increment.map([1, 2])`. An editor goes from there to
   * the function, renames it, and shows its comment.
   */
  get tasks(): TaskDoors<T> {
    return (this.#doors ??= taskDoors<T>(this));
  }

  /**
   * Calls the task with each item, in parallel, and gives the results in input order.
   *
   * @param task - name of a function that takes one argument, or the function itself where it was imported
   * @param items - the arguments: any sync or async iterable. An array is read when its turn comes, so leave it and its
   *   items unchanged until the map has ended. Items of an iterator or generator are copied when they are yielded, with
   * any `chunksize`; `apply` copies its arguments when it is called
   * @returns a handle: `await` gives `R[]`. It rejects, once all items have ended, with the error of the failed item with
   * the lowest index, or with a `PoolmqError` if the call itself is wrong
   * @example
   * ```ts
   * const squares = await pool.map("square", [1, 2, 3]);
   * console.log(squares); // [ 1, 4, 9 ]
   * ```
   */
  map<R extends TaskRef>(
    task: MapTask<T, R>,
    items: Items<ArgumentOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): MapResult<ResultOf<T, R>> {
    return this.#collect({ call: "map", task, input: () => singles("map", items), options });
  }

  /**
   * Calls the task with each argument tuple, in parallel, and gives the results in input order.
   *
   * @param tuples - `[first, second, …]` for each call: any sync or async iterable of arrays
   * @returns a handle, as `map`
   * @example
   * ```ts
   * const sums = await pool.starmap("add", [[1, 2], [3, 4]]);
   * console.log(sums); // [ 3, 7 ]
   * ```
   */
  starmap<R extends TaskRef>(
    task: Task<T, R>,
    tuples: Items<ArgumentsOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): MapResult<ResultOf<T, R>> {
    return this.#collect({ call: "starmap", task, input: () => checkedTuples("starmap", tuples), options });
  }

  /**
   * Calls the task with each item, in parallel, and gives the results in input order while they come in. The input may
   * be endless: at most `buffersize` items are in flight or waiting to be read.
   *
   * @returns a stream. Its `next()` rejects in the turn of a failed item; the next call gives the item after it
   * @example
   * ```ts
   * let total = 0;
   * for await (const square of pool.imap("square", [1, 2, 3])) total += square;
   * console.log(total); // 14
   * ```
   */
  imap<R extends TaskRef>(
    task: MapTask<T, R, "istarmap">,
    items: Items<ArgumentOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    return this.#stream({ call: "imap", task, input: () => singles("imap", items), options }, true);
  }

  /** As `imap`, but gives the results in the order in which they come in. */
  imapUnordered<R extends TaskRef>(
    task: MapTask<T, R, "istarmapUnordered">,
    items: Items<ArgumentOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    return this.#stream(
      { call: "imapUnordered", task, input: () => singles("imapUnordered", items), options },
      false,
    );
  }

  /** As `imap`, with an argument tuple for each call. */
  istarmap<R extends TaskRef>(
    task: Task<T, R>,
    tuples: Items<ArgumentsOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    return this.#stream(
      { call: "istarmap", task, input: () => checkedTuples("istarmap", tuples), options },
      true,
    );
  }

  /** As `imapUnordered`, with an argument tuple for each call. */
  istarmapUnordered<R extends TaskRef>(
    task: Task<T, R>,
    tuples: Items<ArgumentsOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    return this.#stream(
      { call: "istarmapUnordered", task, input: () => checkedTuples("istarmapUnordered", tuples), options },
      false,
    );
  }

  /**
   * Calls the task with each item, in parallel, and folds the results into one value. Workers fold the results of a job
   * before they send it, so that single results do not travel, and this process folds the jobs' values. Each item is in
   * the value exactly once, even if jobs are lost and run again.
   *
   * @param reducer - `(a, b) => …` that the tasks module exports, or its name: makes one result of two, and may change
   * and return `a`. It must be associative, and commutative if not `ordered`
   * @returns a handle: `await` gives the value. It rejects as that of `map`, with what the reducer threw, or with an
   * `EmptyInputError` if there are no items and no `initial`
   * @example
   * ```ts
   * const total = await pool.mapReduce("square", [1, 2, 3], "add");
   * console.log(total); // 14
   * ```
   */
  mapReduce<R extends TaskRef, F extends TaskRef>(
    task: MapTask<T, R, "starmapReduce">,
    items: Items<ArgumentOf<T, R>>,
    reducer: Reducer<T, F, ResultOf<T, R>>,
    options?: ReduceOptions<ResultOf<T, R>>,
  ): ReduceResult<ResultOf<T, R>> {
    return this.#reduce("mapReduce", task, () => singles("mapReduce", items), reducer, options);
  }

  /** As `mapReduce`, with an argument tuple for each call. */
  starmapReduce<R extends TaskRef, F extends TaskRef>(
    task: Task<T, R>,
    tuples: Items<ArgumentsOf<T, R>>,
    reducer: Reducer<T, F, ResultOf<T, R>>,
    options?: ReduceOptions<ResultOf<T, R>>,
  ): ReduceResult<ResultOf<T, R>> {
    return this.#reduce(
      "starmapReduce",
      task,
      () => checkedTuples("starmapReduce", tuples),
      reducer,
      options,
    );
  }

  /**
   * Calls the task once.
   *
   * @param args - its arguments, as a tuple
   * @returns a handle: `await` gives the result
   * @example
   * ```ts
   * const three = await pool.apply("add", [1, 2]);
   * console.log(three); // 3
   * ```
   */
  apply<R extends TaskRef>(
    task: Task<T, R>,
    args: ArgumentsOf<T, R>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ApplyResult<ResultOf<T, R>> {
    type V = ResultOf<T, R>;
    const slot = new OneSlot<V>();
    const begun = beginCall<V>(contextOf(this), {
      call: "apply",
      task,
      input: () => appliedTuple(args),
      options,
      sink: slot,
      keepsUntilRead: false,
    });
    this.#running.add(options?.mapId, slot, () => new MapResult<V>(begun, slot, slot.results()));
    return new ApplyResult<V>(begun, slot, slot.value);
  }

  /**
   * Takes up a map that was started with `mapId`, by this process or one that died. While this pool runs the map, it
   * gives the existing handle.
   *
   * @typeParam R - type of one result
   * @returns a handle, as `map`. It rejects with an `UnknownMapError` if there is no such map, and with an
   * `IncompleteMapError` if its producer died before it had enqueued all items
   * @example
   * ```ts
   * // collect.ts
   * import { Pool } from "@poolmq/producer";
   *
   * // A process that was restarted since called pool.map("square", [1, 2, 3], { mapId: "squares-1" }).
   * await using pool = new Pool({ connection: process.env["REDIS_URL"] });
   * console.log(await pool.attach<number>("squares-1")); // [ 1, 4, 9 ]
   * ```
   */
  attach<R = unknown>(mapId: string): MapResult<R> {
    const running = this.#running.find(mapId);
    if (running !== undefined) return running as MapResult<R>;
    const slots = new Slots<R>();
    const handle = new MapResult<R>(beginAttach(contextOf(this), mapId, slots), slots, slots.results());
    this.#running.add(mapId, slots, () => handle);
    return handle;
  }

  #collect<V>(asked: AskedCall<V>): MapResult<V> {
    const slots = new Slots<V>();
    const begun = beginCall<V>(contextOf(this), { ...asked, sink: slots, keepsUntilRead: false });
    const handle = new MapResult<V>(begun, slots, slots.results());
    this.#running.add(asked.options?.mapId, slots, () => handle);
    return handle;
  }

  #reduce<V>(
    call: string,
    task: unknown,
    input: () => Input,
    reducer: unknown,
    options: ReduceOptions<V> | undefined,
  ): ReduceResult<V> {
    const context = contextOf(this);
    const read = readReduceOptions(call, options, context.defaults.chunksize);
    const slot = new ReduceSlot<V>({ ...read, call });
    const begun = beginCall<V>(context, {
      call,
      task,
      input: () => {
        if (read.refusal !== undefined) throw read.refusal;
        return input();
      },
      options: read.call,
      sink: slot,
      keepsUntilRead: false,
      async bindReducer(tasks, fail) {
        const { name, fn } = await bindReducer(call, reducer, tasks);
        slot.begin(fn, fail);
        return name;
      },
    });
    return new ReduceResult<V>(begun, slot, slot.value);
  }

  #stream<V>(asked: AskedCall<V>, ordered: boolean): ResultStream<V> {
    const buffer = new StreamBuffer<V>(ordered);
    const begun = beginCall<V>(contextOf(this), { ...asked, sink: buffer, keepsUntilRead: true });
    return new ResultStream<V>(begun, buffer);
  }
}
