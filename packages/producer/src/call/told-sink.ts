import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import type { Sink } from "../map/sink.ts";
import { withHooks } from "./call-hooks.ts";
import type { CheckedCall } from "./checked-call.ts";

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
