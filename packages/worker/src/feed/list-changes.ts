/** Finds what has changed in a list since the last look, so that pages need not be sent the whole list every second. */

/** A list after a change. Places are those in the new list. */
export interface ListChange<T> {
  /** All ids in their order; absent if both are unchanged. */
  readonly ids?: readonly string[];
  /** All fields of new entries, and the changed fields of the others. */
  readonly changed: readonly (readonly [place: number, fields: Partial<T>])[];
}

export class ListChanges<T extends { readonly id: string }> {
  #ids: readonly string[] = [];
  /** By id: each field as JSON. */
  #known = new Map<string, ReadonlyMap<string, string>>();

  /** Gives what differs from the list of the last call. */
  next(list: readonly T[]): ListChange<T> {
    const known = new Map<string, ReadonlyMap<string, string>>();
    const changed: [number, Partial<T>][] = [];
    list.forEach((of, place) => {
      const before = this.#known.get(of.id);
      const now = new Map(Object.entries(of).map(([name, value]) => [name, JSON.stringify(value)]));
      known.set(of.id, now);
      const fields = Object.entries(of).filter(([name]) => before?.get(name) !== now.get(name));
      if (fields.length > 0) changed.push([place, Object.fromEntries(fields) as Partial<T>]);
    });
    const ids = list.map(({ id }) => id);
    const isMoved = ids.length !== this.#ids.length || ids.some((id, place) => id !== this.#ids[place]);
    this.#ids = ids;
    this.#known = known;
    return isMoved ? { ids, changed } : { changed };
  }
}
