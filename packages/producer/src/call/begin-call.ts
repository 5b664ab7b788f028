/**
 * The beginning of a call: its options, its input and the name of its task are checked, and it may have to wait in line.
 */

import { randomUUID } from "node:crypto";

import { CancelledError } from "@poolmq/shared";

import { checkArity } from "../map/check-arity.ts";
import type { Input } from "../input/input.ts";
import type { Sink } from "../map/outcomes/sink.ts";
import { resolveCallOptions } from "../options/call-options.ts";
import type { CallOptions, ResolvedCallOptions } from "../options/call-options.ts";
import { MapTelemetry } from "../telemetry/map-telemetry.ts";
import { beginMap } from "./begin-map.ts";
import { refused } from "./begun.ts";
import type { Begun } from "./begun.ts";
import type { CallContext } from "./call-context.ts";
import { NotedSite } from "./call-site.ts";
import type { BindReducer, CheckedCall } from "./checked-call.ts";
import { taskName } from "./tasks/task-name.ts";
import { WaitingCall } from "./waiting-call.ts";

/**
 * Only maps of up to this many items wait in line. The line exists for thousands of calls, and programs do not begin
 * thousands of larger maps.
 */
const FEW_ITEMS = 100;

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
  /** Set for a call whose results are folded. */
  readonly bindReducer?: BindReducer;
}

/** A call as it was passed to the pool's method. */
export type AskedCall<V> = Omit<CallRequest<V>, "sink" | "keepsUntilRead">;

/** Begins a call, or puts it in line. Errors go to its sink, and are never thrown. */
export function beginCall<V>(context: CallContext, request: CallRequest<V>): Begun {
  const { call, task, sink } = request;
  const site = new NotedSite(call);
  try {
    const checked = check(context, request, site);
    const { line } = checked;
    return line?.isFull === true ? new WaitingCall<V>(context, checked, line) : beginMap<V>(context, checked);
  } catch (error) {
    const name = typeof task === "string" ? task : typeof task === "function" ? task.name : "";
    return refused(error, sink, { call, task: name, callSite: site.text, warn: context.warn });
  } finally {
    // The stack is captured only now, when a free worker has the first item already; it is the same stack as before.
    site.note();
  }
}

function check<V>(context: CallContext, request: CallRequest<V>, site: NotedSite): CheckedCall<V> {
  const { life, engine, defaults, tasks, queue } = context;
  const { call, task, sink, keepsUntilRead, bindReducer } = request;
  const caller = engine.caller?.(call);
  life.checkOpen(call, caller?.mayBeWaitedFor);
  const asked =
    request.options === undefined ? context.withoutOptions : resolveCallOptions<V>(request.options, defaults);
  const options = caller?.signal === undefined ? asked : stoppedWith(asked, caller.signal);
  const depth = caller?.depth ?? 0;
  engine.check(options);
  const { signal } = options;
  const id = options.mapId ?? randomMapId();
  if (signal?.aborted === true) throw new CancelledError({ mapId: id, reason: signal.reason });
  if (options.mapId !== undefined) life.checkFree(id);
  const input = request.input();
  if (typeof task === "function") checkArity(call, task.name, task.length);
  if (input.length !== undefined) sink.expect?.(input.length);
  const name = taskName(call, task, tasks.module);
  const telemetry = MapTelemetry.begin({ id, call, task: name, queue }, context.telemetry);
  const line = mayWait(request, input) ? context.lineAt(depth) : undefined;
  return {
    id,
    call,
    task,
    name,
    options,
    input,
    sink,
    keepsUntilRead,
    depth,
    line,
    site: site.text,
    bindReducer,
    telemetry,
  };
}

/** Adds the item's signal to a call that the item makes. When the item is stopped, nobody waits for the call any more. */
function stoppedWith<V>(options: ResolvedCallOptions<V>, signal: AbortSignal): ResolvedCallOptions<V> {
  const own = options.signal;
  return { ...options, signal: own === undefined ? signal : AbortSignal.any([own, signal]) };
}

/**
 * Whether a call waits in line when too many are under way. Only calls that depend on nothing else may: all items are
 * there, and it continues without anyone reading its results. Calls with a priority or a `mapId` begin at once.
 */
function mayWait<V>({ keepsUntilRead, options }: CallRequest<V>, { length }: Input): boolean {
  const { priority, mapId } = options ?? {};
  if (keepsUntilRead || priority !== undefined || mapId !== undefined) return false;
  return length !== undefined && length <= FEW_ITEMS;
}

/**
 * Makes an id of 72 random bits. They come from those that Node keeps ready for UUIDs, because fresh ones would take a
 * fiftieth of the time of a whole call. The id is short, because Redis keeps the hash of a job in one piece of memory,
 * which is cheaper, as long as no field has more than 64 bytes, and one field contains the id.
 */
function randomMapId(): string {
  const uuid = randomUUID();
  return shortened(`${uuid.slice(0, 8)}${uuid.slice(-1)}`) + shortened(uuid.slice(-10, -1));
}

/** 36 bits, as seven characters. */
function shortened(hex: string): string {
  return Number.parseInt(hex, 16).toString(36).padStart(7, "0");
}
