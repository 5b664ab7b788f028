/**
 * Warns of a call that failed and whose handle nobody looked at. A promise would end the process in that case; a handle
 * must not, because many are looked at long after their map has ended. So the warning waits until nobody can look any
 * more: the handle was garbage-collected, or the program has nothing left to do.
 */

import { CancelledError } from "@poolmq/shared";

import { errorFacts } from "@poolmq/shared/internal";
import type { MapProgress } from "../account/map-progress.ts";

/** The facts of a call, for the warning. @internal */
export interface CalledMap {
  /** Name of the pool's method. */
  readonly call: string;
  readonly task: string;
  /** Whether the call has an `onError`, which is told of failures anyway. */
  readonly watched: boolean;
  /** Gives the stack frames of the place where the call was made. */
  readonly callSite: () => string | undefined;
  progress(): MapProgress;
  /** Reports something to the user that is not an error of a call. */
  warn(message: string): void;
}

/** Failures that nobody has looked at yet. */
const unseen = new Set<UnseenFailure>();

/** Places whose calls have failed unseen, by what is told of them, with the number of calls that were not told. */
const places = new Map<string, { more: number; readonly warn: (message: string) => void }>();

/** Of more places than this, each failure is told. */
const MAX_PLACES = 1_000;

const collected = new FinalizationRegistry<UnseenFailure>((failure) => failure.warn());

/** Set once there is something to warn of at the end. */
let tellsAtEnd = false;

export class UnseenFailure {
  readonly #map: CalledMap;
  #seen: boolean;
  #error: unknown;

  constructor(map: CalledMap) {
    this.#map = map;
    this.#seen = map.watched;
  }

  /** Notes that somebody looks at the handle, who will see a failure. */
  seen(): void {
    this.#seen = true;
    unseen.delete(this);
  }

  /**
   * Notes that the call failed; `handle` is the object that its caller holds. A cancel is no failure, because somebody
   * wished it.
   */
  failed(handle: object, error: unknown): void {
    if (this.#seen || unseen.has(this) || error instanceof CancelledError) return;
    this.#error = error;
    unseen.add(this);
    collected.register(handle, this);
    if (tellsAtEnd) return;
    tellsAtEnd = true;
    process.on("beforeExit", () => {
      for (const failure of unseen) failure.warn();
      for (const [what, { more, warn }] of places) if (more > 0) warn(`${more} more: ${what}`);
      places.clear();
    });
  }

  /**
   * Warns, once, unless somebody has looked. If a thousand calls of one place fail in the same way, the first one is told
   * at once, and the number of the others at the end.
   */
  warn(): void {
    if (!unseen.delete(this)) return;
    const { call, task, callSite } = this.#map;
    const { name, message } = errorFacts(this.#error);
    const { failed, total } = this.#map.progress();
    const items = failed > 0 ? ` ${failed} of ${total ?? "its"} items failed.` : "";
    // The first line is a heading; the second is the first frame.
    const place = callSite()?.split("\n")[1]?.trim();
    const heading = `${call}("${task}") failed, and nobody looked at its handle: ${name}`;
    const what = place === undefined ? heading : `${heading}, called ${place}`;
    const told = places.get(what);
    if (told !== undefined) return void told.more++;
    if (places.size < MAX_PLACES) places.set(what, { more: 0, warn: (message) => this.#map.warn(message) });
    this.#map.warn(
      `${heading}: ${message.replace(/\.$/, "")}.${items} ` +
        `Await the handle, or give the call \`onError\`.${place === undefined ? "" : ` It was called ${place}`}`,
    );
  }
}
