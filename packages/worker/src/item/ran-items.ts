/** What one call of a task returned or threw. */
export type Ran =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly thrown: unknown;
      /** Whether another attempt may help. */
      readonly retriable: boolean;
    };

/** What the items of a run returned or threw, in their order. */
export class RanItems {
  /** What each returned; `undefined` of one that failed. */
  readonly values: unknown[] = [];
  /** Those that failed, by their place in the order. */
  readonly failures: Map<number, Extract<Ran, { ok: false }>> = new Map();
  /** Offsets of the items, if they are not those from 0 on. */
  #offsets: number[] | undefined;

  /** Adds an item that ended in its turn and did not fail. */
  returned(value: unknown): void {
    this.values.push(value);
  }

  add(offset: number, ran: Ran): void {
    const place = this.values.length;
    if (offset !== place) this.#offsets ??= Array.from({ length: place }, (_, before) => before);
    this.#offsets?.push(offset);
    if (!ran.ok) this.failures.set(place, ran);
    this.values.push(ran.ok ? ran.value : undefined);
  }

  /** Gives what each item returned or threw, with its offset. */
  each(): (readonly [offset: number, ran: Ran])[] {
    return this.values.map((value, place) => [
      this.#offsets?.[place] ?? place,
      this.failures.get(place) ?? { ok: true, value },
    ]);
  }
}
