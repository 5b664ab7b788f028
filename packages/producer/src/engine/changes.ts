/** Lets callers wait until something has come true of a thing that says when it changes. */
export class Changes {
  readonly #checks = new Set<() => void>();

  /** Something has changed. */
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
