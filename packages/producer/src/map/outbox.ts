/**
 * Where a map puts what is to be sent. What it read before there was a transport waits here; and results that nobody has
 * looked at stay with the transport, if the call asks for that, until somebody does.
 */

import type { Chunk } from "../input/chunk.ts";
import type { MapEnd } from "./outcomes/sink.ts";
import type { CarriedMap, TailHand, Transport } from "./transport.ts";

export class Outbox {
  readonly #map: CarriedMap;
  /** The results stay with the transport until `look()`. */
  readonly #keepsUntilLookedAt: boolean;
  #transport: Transport | undefined;
  /** Items that could not be sent, before there was a transport. */
  readonly #early: { readonly index: number; readonly error: unknown }[] = [];
  #isSealed = false;
  /** Somebody has looked at the results, or waits for them. */
  #isLookedAt = false;
  /** To be called once somebody looks at the results. */
  #deliver: (() => void) | undefined;

  constructor(map: CarriedMap, keepsUntilLookedAt: boolean) {
    this.#map = map;
    this.#keepsUntilLookedAt = keepsUntilLookedAt;
  }

  /** The transport knows how many items there are. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  get tail(): TailHand | undefined {
    return this.#transport?.tail;
  }

  /** There is a transport, from now on. */
  open(transport: Transport): void {
    this.#transport = transport;
    for (const { index, error } of this.#early.splice(0)) transport.settledHere(this.#map, index, error);
  }

  /** Resolves once the chunks are under way. */
  async send(chunks: readonly Chunk[]): Promise<void> {
    if (chunks.length > 0) await this.#transport?.enqueue(this.#map, chunks);
  }

  /** An item came to its end without being sent. */
  settledHere(index: number, error: unknown): void {
    if (this.#transport === undefined) this.#early.push({ index, error });
    else this.#transport.settledHere(this.#map, index, error);
  }

  /** The input was read: there are no items but these. @param total - absent if the input has thrown, or the map has ended */
  async seal(total: number | undefined): Promise<void> {
    if (total !== undefined) await this.#transport?.seal(this.#map, total);
    this.#isSealed = true;
  }

  /** Somebody looks at the results, or waits for them: from now on, to come to the end is to be delivered. */
  look(): void {
    this.#isLookedAt = true;
    this.#deliver?.();
    this.#deliver = undefined;
  }

  /** The map has ended: the transport forgets it. */
  close(end: MapEnd): void {
    const waits = this.#keepsUntilLookedAt && !this.#isLookedAt && "total" in end;
    if (waits) this.#deliver = this.#transport?.settle?.(this.#map, end);
    else this.#transport?.drop(this.#map, end);
  }
}
