/** As many ids as a queue cancels in a day or so; one that was forgotten costs a run that nobody wants, and no more. */
const MAX_IDS = 10_000;

/** Maps whose outcomes nobody wanted when it was last looked. Forgets the oldest: a machine lives long. */
export class UnwantedMaps {
  readonly #ids = new Set<string>();

  has(mapId: string): boolean {
    return this.#ids.has(mapId);
  }

  add(mapId: string): void {
    this.#ids.add(mapId);
    const [oldest] = this.#ids;
    if (this.#ids.size > MAX_IDS && oldest !== undefined) this.#ids.delete(oldest);
  }

  delete(mapId: string): void {
    this.#ids.delete(mapId);
  }
}
