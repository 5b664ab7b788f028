/**
 * Sends a map's chunks to its transport. Chunks that were read before there was a transport wait here. If the call asks
 * for that, results stay with the transport until somebody has looked at them.
 */

import type { Chunk } from "../input/chunk.ts";
import type { MapEnd } from "./outcomes/sink.ts";
import type { CarriedMap, TailHand, Transport } from "./transport.ts";

export class Outbox {
  readonly #map: CarriedMap;
  /** Whether the results stay with the transport until `look()`. */
  readonly #keepsUntilLookedAt: boolean;
  #transport: Transport | undefined;
  /** Items that could not be sent, found before there was a transport. */
  readonly #early: { readonly index: number; readonly error: unknown }[] = [];
  #isSealed = false;
  /** Whether somebody has looked at the results, or waits for them. */
  #isLookedAt = false;
  /** Called once somebody looks at the results. */
  #deliver: (() => void) | undefined;

  constructor(map: CarriedMap, keepsUntilLookedAt: boolean) {
    this.#map = map;
    this.#keepsUntilLookedAt = keepsUntilLookedAt;
  }

  /** Whether the transport knows the number of items. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  get tail(): TailHand | undefined {
    return this.#transport?.tail;
  }

  /** Sets the transport. */
  open(transport: Transport): void {
    this.#transport = transport;
    for (const { index, error } of this.#early.splice(0)) transport.settledHere(this.#map, index, error);
  }

  /** Resolves once the chunks are under way. */
  async send(chunks: readonly Chunk[]): Promise<void> {
    if (chunks.length > 0) await this.#transport?.enqueue(this.#map, chunks);
  }

  /** Notes an item that got its outcome without being sent. */
  settledHere(index: number, error: unknown): void {
    if (this.#transport === undefined) this.#early.push({ index, error });
    else this.#transport.settledHere(this.#map, index, error);
  }

  /** Notes that there are no further items. @param total - absent if the input has thrown, or the map has ended */
  async seal(total: number | undefined): Promise<void> {
    if (total !== undefined) await this.#transport?.seal(this.#map, total);
    this.#isSealed = true;
  }

  /**
   * Notes that somebody has looked at the results, or waits for them. From now on, the map counts as delivered when it
   * ends.
   */
  look(): void {
    this.#isLookedAt = true;
    this.#deliver?.();
    this.#deliver = undefined;
  }

  get isLookedAt(): boolean {
    return this.#isLookedAt;
  }

  /** Lets the transport forget the map, which has ended. */
  close(end: MapEnd): void {
    const waits = this.#keepsUntilLookedAt && !this.#isLookedAt && "total" in end;
    if (waits) this.#deliver = this.#transport?.settle?.(this.#map, end);
    else this.#transport?.drop(this.#map, end);
  }
}
