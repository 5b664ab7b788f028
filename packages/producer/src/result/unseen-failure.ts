/**
 * Says of a call that failed that nobody looked at its handle. A promise would end the process in that case; a handle
 * must not, because many are looked at long after their map has ended. So the warning waits until nobody can look any
 * more: the handle was collected as garbage, or the program has nothing left to do.
 */

import { CancelledError } from "@poolmq/shared";

import { errorFacts } from "@poolmq/shared/internal";
import type { MapProgress } from "../account/map-progress.ts";

/** What is known of a call, for the warning. @internal */
export interface CalledMap {
  /** Name of the pool's method. */
  readonly call: string;
  readonly task: string;
  /** Somebody is told of failures anyway: the call has an `onError`. */
  readonly watched: boolean;
  /** Gives where the call was made, as frames of a stack. */
  readonly callSite: () => string | undefined;
  progress(): MapProgress;
  /** Tells the user of something that is no error of a call. */
  warn(message: string): void;
}

/** Failures that somebody may still look at. */
const unseen = new Set<UnseenFailure>();

const collected = new FinalizationRegistry<UnseenFailure>((failure) => failure.warn());

/** Set once there is something to tell. */
let tellsAtEnd = false;

export class UnseenFailure {
  readonly #map: CalledMap;
  #seen: boolean;
  #error: unknown;

  constructor(map: CalledMap) {
    this.#map = map;
    this.#seen = map.watched;
  }

  /** Somebody looks: whatever comes of the call is told to them. */
  seen(): void {
    this.#seen = true;
    unseen.delete(this);
  }

  /** The call failed. `handle` is what its caller holds. A call that was cancelled ended as somebody wished. */
  failed(handle: object, error: unknown): void {
    if (this.#seen || unseen.has(this) || error instanceof CancelledError) return;
    this.#error = error;
    unseen.add(this);
    collected.register(handle, this);
    if (tellsAtEnd) return;
    tellsAtEnd = true;
    process.on("beforeExit", () => {
      for (const failure of unseen) failure.warn();
    });
  }

  /** Warns, once, unless somebody has looked. */
  warn(): void {
    if (!unseen.delete(this)) return;
    const { call, task, callSite } = this.#map;
    const { name, message } = errorFacts(this.#error);
    const { failed, total } = this.#map.progress();
    const items = failed > 0 ? ` ${failed} of ${total ?? "its"} items failed.` : "";
    // The first line says that frames follow.
    const place = callSite()?.split("\n")[1]?.trim();
    this.#map.warn(
      `${call}("${task}") failed, and nobody looked at its handle: ${name}: ${message.replace(/\.$/, "")}.${items} ` +
        `Await the handle, or give the call \`onError\`.${place === undefined ? "" : ` It was called ${place}`}`,
    );
  }
}
