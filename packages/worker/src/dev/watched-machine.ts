/**
 * A worker machine for development: starts anew when its tasks module, or a source file below the module's folder,
 * changes. If it does not start, it says why, and waits for the next change.
 */

import { dirname } from "node:path";

import type { Logger } from "pino";

import { assembleMachine } from "../machine/machine.ts";
import type { StartableMachine } from "../machine/machine.ts";
import { SourceWatcher } from "./source-watcher.ts";
import type { ResolvedWorkerOptions } from "../worker-options.ts";

/**
 * How long running items may take to end, in ms. Those that take longer are killed, and run again with the new version.
 */
const FINISH_MS = 1_000;

export class WatchedMachine {
  /** Resolves when it was closed and has ended. */
  readonly closed: Promise<void>;
  readonly #options: ResolvedWorkerOptions;
  readonly #log: Logger;
  readonly #watcher: SourceWatcher;
  /** Tells the user why a version did not start. */
  readonly #report: (error: unknown) => void;
  #machine: StartableMachine | undefined;
  #closing: { readonly timeoutMs: number | undefined } | undefined;

  constructor(
    options: ResolvedWorkerOptions & { readonly logger: Logger },
    report: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#log = options.logger;
    this.#report = report;
    this.#watcher = new SourceWatcher(dirname(options.module));
    this.closed = this.#run();
  }

  async close(timeoutMs?: number): Promise<void> {
    this.#closing ??= { timeoutMs };
    this.#watcher.close();
    await this.#machine?.close(timeoutMs);
    await this.closed;
  }

  kill(): void {
    this.#machine?.kill();
    void this.close(0);
  }

  /** How long running items may continue, in ms; `undefined` for as long as the options say. */
  #finishMs(): number | undefined {
    return this.#closing === undefined ? FINISH_MS : this.#closing.timeoutMs;
  }

  async #run(): Promise<void> {
    this.#log.info({ folder: dirname(this.#options.module) }, "watching for changes");
    while (this.#closing === undefined) {
      const machine = (this.#machine = assembleMachine(this.#options));
      let over = false;
      // Not awaited, because a module whose import never ends must not keep a better version from being tried.
      const started = machine.start().catch((error: unknown) => {
        if (over || this.#closing !== undefined) return;
        this.#report(error);
        this.#log.warn("not serving: waiting for a change");
      });
      const files = await this.#watcher.changed();
      over = true;
      if (files.length > 0 && this.#closing === undefined)
        this.#log.info({ files }, "changed: starting anew");
      await machine.close(this.#finishMs());
      await started;
    }
  }
}
