/**
 * Notices that a task has damaged what all items of its process share: the globals, and the methods of the language. The
 * items that come after it would fail, hang, or give wrong results.
 *
 * A change alone is no damage, because polyfills and instrumentation make them too. So after each run it is only looked
 * whether something is another than before, which takes a tenth of a microsecond. If so, it is tried whether everything
 * still works. What had not worked when the tasks were loaded does not count.
 */

import { EventEmitter } from "node:events";

import { CHECKS } from "./checks.ts";

/** Methods that are only compared. */
type Methods = Readonly<
  Partial<Record<"then" | "toJSON" | "push" | "map" | "slice" | "get" | "set", unknown>> &
    Partial<Record<"split" | "replace" | "call" | "apply" | "emit" | "on" | "nextTick", unknown>> & {
      readonly [Symbol.iterator]?: unknown;
    }
>;

/** A timer that works fires long before this, in ms. */
const TIMER_MS = 1_000;

const nativeTimeout = setTimeout;
const nativeClear = clearTimeout;
const nodeProcess = process;
const NativePromise = Promise;
const NativeObject = Object;
const NativeArray = Array;
const NativeMap = Map;
const NativeFunction = Function;
const NativeString = String;

export class CommonGlobals {
  readonly #checks = CHECKS.filter(([, works]) => isTrue(works));
  #timers = timersNow();
  #seen = seenNow();

  /** Whether something is another than at the last look. */
  get isTouched(): boolean {
    return !isSame(this.#seen, seenNow()) || !isSame(this.#timers, timersNow());
  }

  /** Gives what no longer works, of what can be tried at once. */
  get broken(): string | undefined {
    // By index: a task may have replaced the iterator of arrays.
    for (let i = 0; i < this.#checks.length; i++) {
      const check = this.#checks[i];
      if (check !== undefined && !isTrue(check[1])) return check[0];
    }
    return undefined;
  }

  /** Looks at everything. Gives what no longer works; if nothing, the changes so far are fine from now on. */
  async look(): Promise<string | undefined> {
    const seen = seenNow();
    const timers = timersNow();
    const broken = this.broken ?? (isSame(this.#timers, timers) ? undefined : await deadTimer());
    if (broken !== undefined) return broken;
    this.#seen = seen;
    this.#timers = timers;
    return undefined;
  }
}

/** What ends a process of which this no longer works. */
export function damage(what: string): Error {
  return new Error(`A task has damaged this process: ${what} no longer works`);
}

/** Gives the timer that does not fire. */
function deadTimer(): Promise<string | undefined> {
  return new NativePromise((resolve) => {
    let waits = "setTimeout";
    const limit = nativeTimeout(() => resolve(waits), TIMER_MS);
    const passed = (): void => {
      nativeClear(limit);
      resolve(undefined);
    };
    try {
      setTimeout(() => {
        waits = "setImmediate";
        setImmediate(() => {
          waits = "process.nextTick";
          nodeProcess.nextTick(() => {
            waits = "queueMicrotask";
            queueMicrotask(() => {
              waits = "setInterval";
              const interval = setInterval(() => {
                clearInterval(interval);
                passed();
              }, 1);
            });
          });
        });
      }, 1);
    } catch {
      nativeClear(limit);
      resolve(waits);
    }
  });
}

function timersNow(): readonly unknown[] {
  return [
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    setImmediate,
    queueMicrotask,
    (nodeProcess as Methods).nextTick,
  ];
}

/** What is most often replaced, or harms most. */
function seenNow(): readonly unknown[] {
  const array: Methods = NativeArray.prototype;
  const map: Methods = NativeMap.prototype;
  const string: Methods = NativeString.prototype;
  const root: Methods = NativeObject.prototype;
  const call: Methods = NativeFunction.prototype;
  const promise: Methods = NativePromise.prototype;
  const emitter: Methods = EventEmitter.prototype;
  return [
    // What everything inherits: enumerable properties, and two that promises and JSON call.
    anyKey({}),
    anyKey([]),
    root.then,
    root.toJSON,
    0 in array,
    Promise,
    promise.then,
    Object,
    Array,
    Map,
    Set,
    Error,
    Date,
    JSON,
    Math,
    Buffer,
    Uint8Array,
    Symbol,
    array[Symbol.iterator],
    array.push,
    array.map,
    array.slice,
    map.get,
    map.set,
    string.slice,
    string.split,
    string.replace,
    call.call,
    call.apply,
    emitter.emit,
    emitter.on,
  ];
}

/** Gives the name of a property that the value has or inherits, unless it is not enumerable. */
function anyKey(value: object): string | undefined {
  let key: string | undefined;
  for (const name in value) key = name;
  return key;
}

function isSame(before: readonly unknown[], now: readonly unknown[]): boolean {
  for (let i = 0; i < now.length; i++) if (before[i] !== now[i]) return false;
  return true;
}

function isTrue(works: () => boolean): boolean {
  try {
    return works();
  } catch {
    return false;
  }
}
