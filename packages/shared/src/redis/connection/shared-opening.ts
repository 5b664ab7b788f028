/** Something that is opened once for all who use it at the same time. */
interface Shared<Opened> {
  users: number;
  readonly opening: Promise<Opened>;
}

/** What one user has of it. */
export interface Use<Opened> {
  readonly opened: Opened;
  /** It is needed no longer: it is closed with its last user. May be called twice. */
  readonly release: () => void;
}

/** Opens the connections to each Redis once for all that use the same one, as the shards of a Cluster do, and closes them after the last. */
export class SharedOpening<Key, Opened> {
  readonly #close: (opened: Opened) => void;
  readonly #shared = new Map<Key, Shared<Opened>>();

  constructor(close: (opened: Opened) => void) {
    this.#close = close;
  }

  /** @param open - is called if nobody has it open */
  async take(key: Key, open: () => Promise<Opened>): Promise<Use<Opened>> {
    const shared = this.#shared.get(key) ?? { users: 0, opening: open() };
    this.#shared.set(key, shared);
    shared.users++;
    try {
      const opened = await shared.opening;
      let isUsed = true;
      const release = (): void => {
        if (isUsed) this.#release(key, shared, opened);
        isUsed = false;
      };
      return { opened, release };
    } catch (error) {
      // Whoever tries again opens another one.
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
      throw error;
    }
  }

  #release(key: Key, shared: Shared<Opened>, opened: Opened): void {
    shared.users--;
    if (shared.users > 0) return;
    this.#shared.delete(key);
    this.#close(opened);
  }
}
