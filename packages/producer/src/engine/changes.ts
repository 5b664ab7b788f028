/** Lets callers wait until a condition is true, which is checked after each `changed()`. */
export class Changes {
  readonly #checks = new Set<() => void>();

  /** Checks the conditions again. */
  changed(): void {
    for (const check of this.#checks) check();
  }

  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
    });
  }
}
