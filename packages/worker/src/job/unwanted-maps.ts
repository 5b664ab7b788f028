/** As many ids as a queue cancels in a day or so; one that was forgotten costs a run that nobody wants, and no more. */
const MAX_IDS = 10_000;

/** Maps whose outcomes nobody wanted when it was last looked. Forgets the oldest: a machine lives long. */
export class UnwantedMaps {
  readonly #ids = new Set<string>();
  readonly #isWanted: (mapId: string) => Promise<boolean>;

  /** @param isWanted - asks Redis */
  constructor(isWanted: (mapId: string) => Promise<boolean>) {
    this.#isWanted = isWanted;
  }

  /** Whether nobody wants the map's outcomes. */
  async has(mapId: string): Promise<boolean> {
    if (!this.#ids.has(mapId)) return false;
    // Asked again: the producer opens a map again whose keys were lost.
    if (!(await this.#isWanted(mapId))) return true;
    this.#ids.delete(mapId);
    return false;
  }

  add(mapId: string): void {
    this.#ids.add(mapId);
    const [oldest] = this.#ids;
    if (this.#ids.size > MAX_IDS && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** Notes that a map was cancelled, as far as is known. False if that is known already, or it was begun again since. */
  async learn(mapId: string): Promise<boolean> {
    if (this.#ids.has(mapId) || (await this.#isWanted(mapId))) return false;
    this.add(mapId);
    return true;
  }
}
