/** What every call of a pool begins with. */

import type { Logger } from "pino";

import type { Engine, EngineHost } from "../engine/engine.ts";
import type { ArgumentLimit } from "../input/encode-items.ts";
import { resolveCallOptions } from "../options/call-options.ts";
import type { CheckedCallDefaults, ResolvedCallOptions } from "../options/call-options.ts";
import type { ResolvedTelemetry } from "../options/telemetry-options.ts";
import { CallLine } from "./call-line.ts";
import { ImportedTasks } from "./tasks/imported-tasks.ts";

/** What a pool's options come to for its calls. @internal */
export interface PoolParts {
  readonly defaults: CheckedCallDefaults;
  readonly logger: Logger | undefined;
  readonly module: object | undefined;
  readonly modulePath: string | undefined;
  /** How many jobs of a map may be under way at a time. */
  readonly window: number;
  /** What the arguments of a job may have at most, in bytes. */
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
  /** The options of a call that was given none: checked once. */
  readonly withoutOptions: ResolvedCallOptions<unknown>;
  /** The calls of one depth that are under way, and those that wait for a place; see `Engine.caller`. */
  readonly lineAt: (depth: number) => CallLine;
  /** Tells the user of something that is no error of a call. */
  readonly warn: (message: string) => void;
  /** How many jobs of a map may be under way at a time. */
  readonly windowJobs: number;
  /** What the arguments of a job may have at most. */
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
    // The text of the arguments is quoted once more in the job's data, which doubles it at most.
    const half = Math.floor(bytes / 2);
    if (half < limit.maxBytes) Object.assign(limit, { maxBytes: half, limit: setting });
  });
  return limit;
}

/** A call that an item makes does not stand in the line of the call that the item belongs to, which waits for it. */
function linesOf(engine: Engine): (depth: number) => CallLine {
  const top = new CallLine(() => engine.places);
  const nested: CallLine[] = [];
  return (depth) => (depth === 0 ? top : (nested[depth] ??= new CallLine(() => engine.places)));
}

/** Gives what the calls of a pool begin with. */
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
