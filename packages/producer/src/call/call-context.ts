/** What all calls of a pool share. */

import type { Logger } from "pino";

import type { Engine, EngineHost } from "../engine/engine.ts";
import type { ArgumentLimit } from "../input/encode-items.ts";
import { resolveCallOptions } from "../options/call-options.ts";
import type { CheckedCallDefaults, ResolvedCallOptions } from "../options/call-options.ts";
import type { ResolvedTelemetry } from "../options/telemetry-options.ts";
import { CallLine } from "./call-line.ts";
import { ImportedTasks } from "./tasks/imported-tasks.ts";

/** The parts of a pool's options that its calls need. @internal */
export interface PoolParts {
  readonly defaults: CheckedCallDefaults;
  readonly logger: Logger | undefined;
  readonly module: object | undefined;
  readonly modulePath: string | undefined;
  /** How many jobs of a map may be under way at a time. */
  readonly window: number;
  /** The most bytes of a job's arguments. */
  readonly maxPayloadBytes: number | undefined;
  /** What is reported to OpenTelemetry; `undefined`: nothing. */
  readonly telemetry: ResolvedTelemetry | undefined;
  /** The queue's name, if it was given. */
  readonly queue: string | undefined;
}

export interface CallContext {
  readonly defaults: CheckedCallDefaults;
  readonly engine: Engine;
  readonly life: CallLife;
  readonly tasks: ImportedTasks;
  /** The resolved options of a call without options, checked only once. */
  readonly withoutOptions: ResolvedCallOptions<unknown>;
  /** Gives the line of calls of one depth: see `Engine.caller`. */
  readonly lineAt: (depth: number) => CallLine;
  /** Reports something to the user that is not an error of a call. */
  readonly warn: (message: string) => void;
  /** How many jobs of a map may be under way at a time. */
  readonly windowJobs: number;
  /** The limit of a job's arguments. */
  readonly argumentLimit: ArgumentLimit | undefined;
  readonly telemetry: ResolvedTelemetry | undefined;
  /** The queue's name, if it was given. */
  readonly queue: string | undefined;
  readonly logger: Logger | undefined;
}

/** What a call needs of its pool's life. */
interface CallLife extends EngineHost {
  checkOpen(call: string, isNested?: boolean): void;
  checkFree(mapId: string): void;
  ask<V>(call: string, question: () => Promise<V>): Promise<V>;
  track(call: { readonly id: string; fail(error: unknown): void }): void;
  untrack(call: { readonly id: string; fail(error: unknown): void }): void;
}

/** The limit of the arguments of a job: the pool's, or the server's if that is smaller. */
function argumentLimit(maxBytes: number | undefined, engine: Engine): ArgumentLimit | undefined {
  if (maxBytes === undefined) return undefined;
  const limit = { maxBytes, limit: "maxPayloadBytes" };
  engine.onLargestValue?.(({ bytes, setting }) => {
    // The text of the arguments is quoted once more in the job's data, which at most doubles it.
    const half = Math.floor(bytes / 2);
    if (half < limit.maxBytes) Object.assign(limit, { maxBytes: half, limit: setting });
  });
  return limit;
}

/**
 * Gives a line for each depth. A call that an item makes must not wait behind the call that the item belongs to, which
 * waits for it.
 */
function linesOf(engine: Engine): (depth: number) => CallLine {
  const top = new CallLine(() => engine.places);
  const nested: CallLine[] = [];
  return (depth) => (depth === 0 ? top : (nested[depth] ??= new CallLine(() => engine.places)));
}

/** Makes what the calls of a pool share. */
export function callContext(parts: PoolParts, life: CallLife, engine: Engine): CallContext {
  const { defaults, logger, telemetry, queue, module, modulePath, maxPayloadBytes: maxBytes } = parts;
  return {
    defaults,
    engine,
    life,
    withoutOptions: resolveCallOptions<unknown>(undefined, defaults),
    lineAt: linesOf(engine),
    warn: (message) => life.warn(message),
    tasks: new ImportedTasks(module, modulePath),
    windowJobs: parts.window,
    argumentLimit: argumentLimit(maxBytes, engine),
    telemetry,
    queue,
    logger,
  };
}
