/**
 * The only item of an `apply`. It does what `Slots` does for many items, and is so small that a program can hold hundreds
 * of thousands.
 */

import type { MapEnd, Sink } from "../map/outcomes/sink.ts";
import { failureGroups } from "./failure-groups.ts";
import type { FailureGroup } from "./failure-groups.ts";
import { iterateOnce } from "./iterate-once.ts";

export class OneSlot<R> implements Sink {
  /** Settles when the map has ended. */
  readonly value: Promise<R>;
  #settle: { resolve(value: R): void; reject(error: unknown): void } | undefined;
  #item: PromiseSettledResult<R> | undefined;
  #end: MapEnd | undefined;

  constructor() {
    this.value = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
  }

  /** How the map ended, once it has. */
  get end(): MapEnd | undefined {
    return this.#end;
  }

  get whenEnded(): Promise<MapEnd> {
    const end = (): MapEnd => this.#end ?? { total: 1 };
    return this.value.then(end, end);
  }

  /** The result in an array, as a map of one item has it. */
  async results(): Promise<R[]> {
    return [await this.value];
  }

  succeeded(_index: number, value: unknown): void {
    this.#item = { status: "fulfilled", value: value as R };
  }

  failed(_index: number, error: unknown): void {
    this.#item = { status: "rejected", reason: error };
  }

  ended(end: MapEnd): void {
    this.#end = end;
    const item = this.#item;
    // An error of the whole call, such as a cancel, is passed on as it is.
    if ("error" in end) this.#settle?.reject(end.error);
    else if (item?.status === "fulfilled") this.#settle?.resolve(item.value);
    else this.#settle?.reject(item?.reason);
    this.#settle = undefined;
  }

  /** Waits for the end; gives the error of the item as a group. Throws only if the call itself was refused. */
  async failures(): Promise<readonly FailureGroup[]> {
    await this.#ofItems();
    return failureGroups(this.#item?.status === "rejected" ? [[0, this.#item.reason]] : []);
  }

  /** Waits for the end; gives the item's outcome. Throws only if the call itself was refused: then there is no item. */
  async settled(): Promise<PromiseSettledResult<R>[]> {
    const end = await this.#ofItems();
    return [this.#item ?? { status: "rejected", reason: "error" in end ? end.error : undefined }];
  }

  /** Gives the result. */
  iterate(): AsyncIterableIterator<R> {
    return iterateOnce(this.value);
  }

  async #ofItems(): Promise<MapEnd> {
    const end = await this.whenEnded;
    if ("error" in end && end.items === undefined) throw end.error;
    return end;
  }
}
