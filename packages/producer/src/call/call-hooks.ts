/** What a call adds to its sink: callbacks, telemetry, `failFast`, and what is to be done before the end is told. */

import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import type { MapEnd, Sink } from "../map/outcomes/sink.ts";
import type { CheckedCall } from "./checked-call.ts";

interface CallHooks<V> {
  readonly onResult: ((result: V, index: number) => void) | undefined;
  readonly onError: ((error: unknown, index: number) => void) | undefined;
  readonly onProgress: ((progress: MapProgress) => void) | undefined;
  /** Called with the error of the first item that fails. */
  readonly onFirstFailure: ((error: unknown) => void) | undefined;
  readonly progress: () => MapProgress;
  /** A callback threw: that is a bug of the caller's, and must not harm the map. */
  readonly report: (name: string, error: unknown) => void;
}

/** Calls a callback of the caller's: what it throws is reported, and goes no further. */
export function callSafely(callback: () => void, report: (error: unknown) => void): void {
  try {
    // It may be async: what it rejects with is reported too.
    Promise.resolve(callback()).catch(report);
  } catch (error) {
    report(error);
  }
}

/** Gives a sink that tells the callbacks beside the inner sink. */
function withHooks<V>(inner: Sink, hooks: CallHooks<V>): Sink {
  const { onResult, onError, onProgress, onFirstFailure } = hooks;
  if (
    onResult === undefined &&
    onError === undefined &&
    onProgress === undefined &&
    onFirstFailure === undefined
  ) {
    return inner;
  }
  const call = (name: string, callback: () => void): void =>
    callSafely(callback, (e) => hooks.report(name, e));
  let scheduled: NodeJS.Immediate | undefined;
  const tellProgress = (): void => {
    clearImmediate(scheduled);
    scheduled = undefined;
    if (onProgress !== undefined) call("onProgress", () => onProgress(hooks.progress()));
  };
  const progressed = (): void => {
    if (onProgress !== undefined) scheduled ??= setImmediate(tellProgress);
  };
  // Reports once at the start, so that a progress bar is drawn before the first item has ended.
  if (onProgress !== undefined) queueMicrotask(() => call("onProgress", () => onProgress(hooks.progress())));
  return {
    succeeded(index, value) {
      inner.succeeded(index, value);
      if (onResult !== undefined) call("onResult", () => onResult(value as V, index));
      progressed();
    },
    failed(index, error) {
      inner.failed(index, error);
      if (onError !== undefined) call("onError", () => onError(error, index));
      progressed();
      onFirstFailure?.(error);
    },
    ended(end: MapEnd) {
      // `onProgress` is called for the last time before the handle settles.
      tellProgress();
      inner.ended(end);
    },
  };
}

/** Gives a sink that passes everything on, and calls `callback` before it passes on the end. */
export function beforeEnd(inner: Sink, callback: () => void): Sink {
  return {
    succeeded: (index, value) => inner.succeeded(index, value),
    ...(inner.succeededAll === undefined
      ? {}
      : { succeededAll: (at, values) => inner.succeededAll?.(at, values) }),
    failed: (index, error) => inner.failed(index, error),
    ended(end) {
      callback();
      inner.ended(end);
    },
  };
}

/** What a call's callbacks and its telemetry ask of its map. */
interface ToldMap {
  readonly task: string;
  readonly progress: MapProgress;
  readonly insights: MapInsights;
}

/** Tells the user of a callback that threw. */
type Report = (callback: string, error: unknown) => void;

/** Gives what tells the user that a callback of this call threw. */
export function reporter(life: { warn(message: string, error: unknown): void }, call: string): Report {
  return (callback, error) => life.warn(`The ${callback} callback of ${call}() threw`, error);
}

/** Gives the sink of a call, which tells its callbacks and its telemetry beside its handle. */
export function toldSink<V>(
  { options, sink, telemetry }: CheckedCall<V>,
  map: () => ToldMap,
  report: Report,
  onFirstFailure?: (error: unknown) => void,
): Sink {
  const hooked = withHooks<V>(sink, { ...options, onFirstFailure, progress: () => map().progress, report });
  return telemetry?.watch(hooked, map) ?? hooked;
}
