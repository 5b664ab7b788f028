/** How a call becomes a map that runs: options, name of the task, hooks, telemetry, logs. */

import { randomUUID } from "node:crypto";

import { CancelledError, InvalidStateError } from "@poolmq/shared";

import { noInsights } from "../account/insight-log.ts";
import type { MapInsights } from "../account/map-insights.ts";
import { NO_PROGRESS } from "../account/map-progress.ts";
import type { CalledMap } from "../result/unseen-failure.ts";
import { checkArity } from "../map/check-arity.ts";
import { fixedChunks } from "../input/chunk-size.ts";
import type { Input } from "../input/input.ts";
import { MapRun } from "../map/map-run.ts";
import type { Sink } from "../map/sink.ts";
import type { CallSite, ErrorClass } from "../map/read-outcomes.ts";
import { resolveCallOptions } from "../options/call-options.ts";
import type { CallOptions, ResolvedCallOptions } from "../options/call-options.ts";
import { MapTelemetry } from "../telemetry/map-telemetry.ts";
import { beforeEnd, callSafely, withHooks } from "./call-hooks.ts";
import type { CallContext } from "./call-context.ts";
import { callSite } from "./call-site.ts";
import { forwardLogs } from "./forward-logs.ts";
import { taskName } from "./task-name.ts";

/** What of a map's arguments may be under way at a time: a bound on memory beside the number of jobs. */
const WINDOW_BYTES = 64 * 1024 * 1024;

/** A call as the user made it. */
export interface CallRequest<V> {
  /** Name of the pool's method. */
  readonly call: string;
  readonly task: unknown;
  /** Reads the items as an input. Throws if they are not iterable. */
  readonly input: () => Input;
  readonly options: CallOptions<V> | undefined;
  readonly sink: Sink;
  /** Whether an item's place in the window is free only once the reader has taken the item. */
  readonly keepsUntilRead: boolean;
}

/** A call as its method was given it. */
export type AskedCall<V> = Omit<CallRequest<V>, "sink" | "keepsUntilRead">;

/** What the handles need of a call that has begun. */
export interface Begun extends CalledMap {
  readonly id: string;
  insights(): MapInsights;
  cancel(reason?: unknown): void;
  /** Leaves a durable map to others, once all of it is in Redis. Gives false if it ended before. */
  detach(): Promise<boolean>;
  /** Forgets a durable map that is kept. */
  acknowledge(): Promise<void>;
  /** Somebody looks at the results, or waits for them. */
  look?(): void;
  handOn(): void;
}

/** Begins a call. Whatever is wrong with it is told by its sink, never thrown. */
export function beginCall<V>(context: CallContext, request: CallRequest<V>): Begun {
  const { life, engine, defaults } = context;
  const { call, task, sink } = request;
  const site = callSite(call);
  try {
    life.checkOpen(request.call);
    const options = resolveCallOptions<V>(request.options, defaults);
    engine.check(options);
    const { signal } = options;
    const id = options.mapId ?? randomMapId();
    if (signal?.aborted === true) throw new CancelledError({ mapId: id, reason: signal.reason });
    if (options.mapId !== undefined) life.checkFree(id);
    return beginMap(context, request, { id, options, input: request.input(), site });
  } catch (error) {
    const name = typeof task === "string" ? task : typeof task === "function" ? task.name : "";
    return refused(error, sink, { call, task: name, callSite: site, warn: (message) => life.warn(message) });
  }
}

/** The result of a call that never began. */
export function refused(error: unknown, sink: Sink, about: Omit<CalledMap, "watched" | "progress">): Begun {
  sink.ended({ error });
  return {
    ...about,
    watched: false,
    id: "none",
    progress: () => NO_PROGRESS,
    insights: noInsights,
    cancel: () => {},
    detach: async () => false,
    acknowledge: async () => {},
    handOn: () => {},
  };
}

function beginMap<V>(
  context: CallContext,
  request: CallRequest<V>,
  checked: {
    readonly id: string;
    readonly options: ResolvedCallOptions<V>;
    readonly input: Input;
    readonly site: CallSite;
  },
): Begun {
  const { engine, life, tasks } = context;
  const { call, task, keepsUntilRead } = request;
  const { id, options, input, site } = checked;
  const { signal, chunksize, onTaskProgress } = options;
  const durable = options.mapId !== undefined;
  if (typeof task === "function") checkArity(call, task.name, task.length);
  const report = (callback: string, error: unknown): void =>
    life.warn(`The ${callback} callback of ${call}() threw`, error);
  const sink = withHooks<V>(request.sink, {
    ...options,
    onFirstFailure: options.failFast ? (error) => run.fail(error) : undefined,
    progress: () => run.progress,
    report,
  });
  if (input.length !== undefined) request.sink.expect?.(input.length);
  const name = taskName(call, task, tasks.module);
  const telemetry = MapTelemetry.begin({ id, call, task: name, queue: context.queue }, context.telemetry);
  const logs = options.forwardLogs
    ? forwardLogs({ id, task: name }, { ...options, ...context, report })
    : undefined;
  const cancel = (reason?: unknown): void => run.fail(new CancelledError({ mapId: id, reason }));
  const onAbort = (): void => cancel(signal?.reason);
  let classes: ReadonlyMap<string, ErrorClass> | undefined;
  const run: MapRun = new MapRun(
    {
      id,
      call,
      task: name,
      input: input.source,
      length: input.length,
      chunkSize: typeof chunksize === "number" ? fixedChunks(chunksize) : undefined,
      window: {
        // A durable map is all in Redis: its producer may die at any time.
        jobs: durable ? Infinity : context.windowJobs,
        bytes: durable ? Infinity : WINDOW_BYTES,
        items: keepsUntilRead ? options.buffersize : Infinity,
      },
      job: {
        ...jobOptions(options),
        ...(telemetry?.trace === undefined ? {} : { trace: telemetry.trace }),
        ...(logs === undefined ? {} : { logs: () => logs.wanted }),
      },
      onTaskLog: logs === undefined ? undefined : (index, batch) => logs.take(index, batch),
      keepsUntilRead,
      argumentLimit: context.argumentLimit,
      wholeChunks: durable,
      // A stream is read while it goes on.
      keepsUntilLookedAt: durable && options.keepMs === undefined && !keepsUntilRead,
      classes: () => classes,
      callSite: site,
      onTaskProgress:
        onTaskProgress === undefined
          ? undefined
          : (value, index) =>
              callSafely(
                () => onTaskProgress(value, index),
                (error) => report("onTaskProgress", error),
              ),
    },
    beforeEnd(telemetry?.watch(sink, () => run) ?? sink, () => {
      signal?.removeEventListener("abort", onAbort);
      life.untrack(run);
      logs?.end();
    }),
  );
  signal?.addEventListener("abort", onAbort, { once: true });
  life.track(run);
  telemetry?.began(run);
  const start = async (): Promise<void> => {
    if (typeof task === "function") run.task = await tasks.nameOf(call, task as () => unknown);
    classes = tasks.errorClasses;
    await engine.begin(run, { durable, keepMs: options.keepMs, autoChunks: chunksize === "auto" });
  };
  const started = start().catch((error: unknown) => run.fail(error));
  return {
    id,
    call,
    get task() {
      return run.task;
    },
    callSite: site,
    watched: options.onError !== undefined,
    warn: (message) => life.warn(message),
    progress: () => run.progress,
    insights: () => run.insights,
    cancel,
    detach: async () => {
      if (!durable) throw notDurable(id, "be left to others");
      await started;
      if (run.ended) return false;
      run.leave(new CancelledError({ mapId: id, reason: DETACHED }));
      return true;
    },
    acknowledge: async () => {
      if (!durable) throw notDurable(id, "be acknowledged");
      await life.ask("acknowledge", () => engine.acknowledge(id));
    },
    look: () => run.look(),
    handOn: () => run.handOn(),
  };
}

/** Why a handle gives no results after `detach()`. */
export const DETACHED = "detach() has left it to whoever calls attach()";

function notDurable(id: string, what: string): InvalidStateError {
  return new InvalidStateError(
    `Map ${id} was started without \`mapId\`: nothing of it stays in Redis that could ${what}`,
  );
}

/** The job options that the call or the pool gave. The rest is left to the function's definition. */
function jobOptions({
  attempts,
  backoff,
  taskTimeoutMs,
  priority,
}: ResolvedCallOptions<never>): MapRun["job"] {
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }),
    ...(priority === undefined ? {} : { priority }),
  };
}

/** 72 random bits, from those that Node holds ready for UUIDs: to ask for fresh ones takes a fiftieth of a whole call. */
function randomMapId(): string {
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(-10);
}
