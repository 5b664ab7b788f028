import type { Input } from "../input/input.ts";
import type { CallSite } from "../map/outcomes/read-outcomes.ts";
import type { Sink } from "../map/outcomes/sink.ts";
import type { ResolvedCallOptions } from "../options/call-options.ts";
import type { MapTelemetry } from "../telemetry/map-telemetry.ts";
import type { CallLine } from "./call-line.ts";
import type { ImportedTasks } from "./tasks/imported-tasks.ts";

/**
 * @param tasks - the tasks module, in which the reducer is. @param fail - ends the map if the reducer fails in this
 * process
 */
export type BindReducer = (tasks: ImportedTasks, fail: (error: unknown) => void) => Promise<string>;

/** A call that was checked and may begin. */
export interface CheckedCall<V> {
  /** Id of its map. */
  readonly id: string;
  /** Name of the pool's method. */
  readonly call: string;
  /** Its task, as it was given. */
  readonly task: unknown;
  /** Name of the task, as far as it is known at this point. */
  readonly name: string;
  readonly options: ResolvedCallOptions<V>;
  readonly input: Input;
  readonly sink: Sink;
  /** Whether an item's place in the window is free only once the reader has taken the item. */
  readonly keepsUntilRead: boolean;
  /** How many items of the pool wait for this call, nested in one another. */
  readonly depth: number;
  /** The line in which it waits when too many calls are under way; `undefined` if it goes at once. */
  readonly line: CallLine | undefined;
  readonly site: CallSite;
  /** Finds the reducer of a call whose results are folded, and gives its name. Called before the map begins. */
  readonly bindReducer: BindReducer | undefined;
  /** Its telemetry; `undefined`: none. */
  readonly telemetry: MapTelemetry | undefined;
}
