// Kept from before any task is loaded, since a task may replace the global.
const Controller = AbortController;
const Exception = DOMException;

/** Stops one run. The `AbortSignal` is made when a task asks for it: most never do, and making it costs a tiny item's time. */
export class RunStop {
  #controller: AbortController | undefined;
  #reason: DOMException | undefined;
  /** Called with the reason once the run is stopped. */
  onStop: ((reason: string) => void) | undefined;

  get isStopped(): boolean {
    return this.#reason !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new Controller();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  stop(reason: string): void {
    this.#reason = new Exception(`The task was stopped: ${reason}`, "AbortError");
    this.#controller?.abort(this.#reason);
    this.onStop?.(reason);
  }
}
