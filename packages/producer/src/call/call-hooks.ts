/** Wraps the sink of a call with its callbacks, telemetry, `failFast`, and steps that come before the end is reported. */

import { setImmediate } from "node:timers";

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
  /** Reports that a callback threw, which is the caller's bug and must not harm the map. */
  readonly report: (name: string, error: unknown) => void;
}

/** Calls a caller's callback. What it throws is reported, and not thrown on. */
export function callSafely(callback: () => void, report: (error: unknown) => void): void {
  try {
    // It may be async: a rejection is reported too.
    Promise.resolve(callback()).catch(report);
  } catch (error) {
    report(error);
  }
}

/** Gives a sink that calls the callbacks in addition to the inner sink. */
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

/** Gives a sink that passes everything on, and calls `callback` before the end. */
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

/** What a call's callbacks and telemetry read of its map. */
interface ToldMap {
  readonly task: string;
  readonly progress: MapProgress;
  readonly insights: MapInsights;
}

/** Reports to the user that a callback threw. */
type Report = (callback: string, error: unknown) => void;

/** Gives a function that reports to the user that a callback of this call threw. */
export function reporter(life: { warn(message: string, error: unknown): void }, call: string): Report {
  return (callback, error) => life.warn(`The ${callback} callback of ${call}() threw`, error);
}

/** Gives the sink of a call, which calls its callbacks and telemetry in addition to its handle's sink. */
export function toldSink<V>(
  { options, sink, telemetry }: CheckedCall<V>,
  map: () => ToldMap,
  report: Report,
  onFirstFailure?: (error: unknown) => void,
): Sink {
  const hooked = withHooks<V>(sink, { ...options, onFirstFailure, progress: () => map().progress, report });
  return telemetry?.watch(hooked, map) ?? hooked;
}
