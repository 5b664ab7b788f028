/** Remembers items whose job or outcome a fault has damaged: they may end in an error. */
export class DamagedItems {
  /** `<map id>#<index>` */
  readonly #items = new Set<string>();

  add(mapId: string, at: number, n: number): void {
    for (let offset = 0; offset < n; offset++) this.#items.add(`${mapId}#${at + offset}`);
  }

  has(mapId: string, index: number): boolean {
    return this.#items.has(`${mapId}#${index}`);
  }
}
