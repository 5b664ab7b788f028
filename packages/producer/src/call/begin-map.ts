/** Turns a checked call into a running map, with its callbacks, telemetry and logs. */

import { CancelledError } from "@poolmq/shared";
import { checkPriority } from "@poolmq/shared/internal";

import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import { fixedChunks } from "../input/chunk-size.ts";
import type { ChunkSize } from "../input/chunk-size.ts";
import { inspectItem } from "../map/outcomes/describe-items.ts";
import type { DescribeItem } from "../map/outcomes/describe-items.ts";
import { MapRun } from "../map/map-run.ts";
import type { CallSite, ErrorClass } from "../map/outcomes/read-outcomes.ts";
import type { ResolvedCallOptions } from "../options/call-options.ts";
import { DETACHED, notDurable } from "./begun.ts";
import type { Begun } from "./begun.ts";
import type { CallContext } from "./call-context.ts";
import { beforeEnd, callSafely, reporter, toldSink } from "./call-hooks.ts";
import type { CheckedCall } from "./checked-call.ts";
import { forwardLogs } from "./forward-logs.ts";

/** The most bytes of a map's arguments that may be under way, which bounds memory in addition to the number of jobs. */
const WINDOW_BYTES = 64 * 1024 * 1024;

/** Begins the map of a call. If its task is unknown or the engine refuses it, its sink is told. */
export function beginMap<V>(context: CallContext, checked: CheckedCall<V>): Begun {
  const { engine, life, tasks } = context;
  const { id, call, task, name, options, input, keepsUntilRead, depth, line, site, bindReducer, telemetry } =
    checked;
  const { signal, chunksize, onTaskProgress } = options;
  const durable = options.mapId !== undefined;
  const report = reporter(life, call);
  const logs = options.forwardLogs
    ? forwardLogs({ id, task: name }, { ...options, ...context, report })
    : undefined;
  const sink = toldSink(
    checked,
    () => run,
    report,
    options.failFast ? (error) => run.fail(error) : undefined,
  );
  const onAbort = (): void => run.fail(new CancelledError({ mapId: id, reason: signal?.reason }));
  let classes: ReadonlyMap<string, ErrorClass> | undefined;
  const run: MapRun = new MapRun(
    {
      id,
      call,
      task: name,
      input: input.source,
      length: input.length,
      chunkSize: chunkSizeOf(options),
      window: {
        // All of a durable map is enqueued, because its producer may die at any time.
        jobs: durable ? Infinity : context.windowJobs,
        bytes: durable ? Infinity : WINDOW_BYTES,
        items: keepsUntilRead ? options.buffersize : Infinity,
      },
      job: {
        ...jobOptions(options),
        ...(telemetry?.trace === undefined ? {} : { trace: telemetry.trace }),
        ...(logs === undefined ? {} : { logs: () => logs.wanted }),
      },
      speculation: options.speculate === false ? undefined : options.speculate,
      onTaskLog: logs === undefined ? undefined : (index, batch) => logs.take(index, batch),
      keepsUntilRead,
      argumentLimit: context.argumentLimit,
      wholeChunks: durable,
      // Not for a stream, which is read while it runs.
      keepsUntilLookedAt: durable && options.keepMs === undefined && !keepsUntilRead,
      describeItem: describeItemOf(options),
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
    beforeEnd(sink, () => {
      signal?.removeEventListener("abort", onAbort);
      line?.leave();
      life.untrack(run);
      logs?.end();
    }),
  );
  signal?.addEventListener("abort", onAbort, { once: true });
  line?.enter();
  life.track(run);
  telemetry?.began(run);
  const start = async (): Promise<void> => {
    // Wait a moment: the caller's callbacks may use the handle, which the caller does not have yet.
    if (options !== context.withoutOptions) await Promise.resolve();
    if (typeof task === "function") run.task = await tasks.nameOf(call, task as () => unknown);
    if (bindReducer !== undefined) run.job.reduce = await bindReducer(tasks, (error) => run.fail(error));
    classes = tasks.errorClasses;
    const { keepMs } = options;
    await engine.begin(run, { durable, depth, keepMs, autoChunks: chunksize === "auto" });
  };
  const started = start().catch((error: unknown) => run.fail(error));
  return new BegunMap(context, checked, { run, started });
}

/** A call whose map is under way. */
class BegunMap implements Begun {
  readonly id: string;
  readonly call: string;
  readonly callSite: CallSite;
  readonly watched: boolean;
  readonly warn: (message: string) => void;
  readonly #context: CallContext;
  readonly #run: MapRun;
  readonly #isDurable: boolean;
  readonly #started: Promise<void>;

  /** @param under - its map, and a promise that resolves once all of it was sent */
  constructor(
    context: CallContext,
    { id, call, site, options }: CheckedCall<never>,
    { run, started }: { readonly run: MapRun; readonly started: Promise<void> },
  ) {
    this.id = id;
    this.call = call;
    this.callSite = site;
    this.watched = options.onError !== undefined;
    this.warn = context.warn;
    this.#context = context;
    this.#run = run;
    this.#isDurable = options.mapId !== undefined;
    this.#started = started;
  }

  get task(): string {
    return this.#run.task;
  }

  progress(): MapProgress {
    return this.#run.progress;
  }

  insights(): MapInsights {
    return this.#run.insights;
  }

  cancel(reason?: unknown): void {
    this.#run.fail(new CancelledError({ mapId: this.id, reason }));
  }

  async setPriority(priority: number | undefined): Promise<void> {
    this.#run.job.priority = priority === undefined ? undefined : checkPriority(priority);
    const { life, engine } = this.#context;
    if (!this.#run.ended) await life.keepAliveWhile(engine.setPriority(this.id, priority));
  }

  async detach(): Promise<boolean> {
    if (!this.#isDurable) throw notDurable(this.id, "be left to others");
    await this.#started;
    if (this.#run.ended) return false;
    this.#run.leave(new CancelledError({ mapId: this.id, reason: DETACHED }));
    return true;
  }

  async acknowledge(): Promise<void> {
    if (!this.#isDurable) throw notDurable(this.id, "be acknowledged");
    const { life, engine } = this.#context;
    await life.ask("acknowledge", () => engine.acknowledge(this.id));
  }

  look(): void {
    this.#run.look();
  }

  handOn(): void {
    this.#run.handOn();
  }

  readsWait(count: number): void {
    this.#run.readsWait(count);
  }
}

/**
 * Chunks of a durable map are cut as the call says. For other maps without a `chunksize` the engine decides, because it
 * knows the task's definition.
 */
function chunkSizeOf({ chunksize, limit, mapId }: ResolvedCallOptions<never>): ChunkSize | undefined {
  if (limit?.ratePerSecond !== undefined && mapId !== undefined) return fixedChunks(1);
  return typeof chunksize === "number" ? fixedChunks(chunksize) : undefined;
}

function describeItemOf({ describeItem = false }: ResolvedCallOptions<never>): DescribeItem | undefined {
  if (typeof describeItem === "function") return describeItem as DescribeItem;
  return describeItem ? inspectItem : undefined;
}

/** The job options that the call or the pool gave. The rest is left to the function's definition. */
function jobOptions({
  attempts,
  backoff,
  taskTimeoutMs,
  limit,
  priority,
  codeVersion,
  keepFailed,
}: ResolvedCallOptions<never>): MapRun["job"] {
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }),
    ...(limit === undefined ? {} : { limit }),
    ...(priority === undefined ? {} : { priority }),
    ...(codeVersion === undefined ? {} : { codeVersion }),
    ...(keepFailed === true ? { keepFailed } : {}),
  };
}
