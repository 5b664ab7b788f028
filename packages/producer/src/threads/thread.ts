/**
 * One thread, seen from its pool.
 *
 * - `starting`: loads the tasks module. Leaves to `ready`, or to `gone` if it can't, or takes too long.
 * - `ready`: can run jobs. Leaves to `gone` when it ends, or is to.
 * - `gone`.
 */

import type { Worker } from "node:worker_threads";

import type { ThreadRun } from "./thread-run.ts";

export class Thread {
  readonly id: number;
  /** The jobs that it runs. */
  readonly runs: Set<ThreadRun> = new Set();
  /** Gives its exit code. By then, everything that it has said is here. */
  readonly exit: Promise<number>;
  /** Why it died, as far as it is known. */
  error: unknown;
  readonly #worker: Worker;
  readonly #startTimer: NodeJS.Timeout;
  #state: "starting" | "ready" | "gone" = "starting";
  #killed = false;
  #answered = 0;

  constructor(
    worker: Worker,
    startTimeoutMs: number,
    onExit: (thread: Thread, was: Thread["state"], exitCode: number) => void,
  ) {
    this.id = worker.threadId;
    this.#worker = worker;
    this.#startTimer = setTimeout(() => {
      this.unfit(
        new Error(
          `it was not ready within \`startTimeoutMs\` (${startTimeoutMs} ms): its import or its initializer does not end`,
        ),
      );
    }, startTimeoutMs);
    this.#startTimer.unref();
    const exit = Promise.withResolvers<number>();
    this.exit = exit.promise;
    worker.once("error", (error: unknown) => {
      this.error ??= error;
    });
    worker.once("exit", (exitCode) => {
      const was = this.#state;
      this.#state = "gone";
      this.forget();
      onExit(this, was, exitCode);
      exit.resolve(exitCode);
    });
  }

  get state(): "starting" | "ready" | "gone" {
    return this.#state;
  }

  /** We ended it, to stop one of its runs: the others on it are not to blame. */
  get killed(): boolean {
    return this.#killed;
  }

  /** It has answered a job, or was busy with one. */
  get wasOfUse(): boolean {
    return this.#answered > 0 || this.runs.size > 0 || this.#killed;
  }

  loaded(): void {
    clearTimeout(this.#startTimer);
    if (this.#state === "starting") this.#state = "ready";
  }

  answered(): void {
    this.#answered++;
  }

  /** It can't load the module: ends it. */
  unfit(error: unknown): void {
    this.error = error;
    void this.#worker.terminate();
  }

  /** It is being ended. */
  kill(): void {
    this.#killed = true;
    this.#state = "gone";
  }

  /** Stops its clocks. */
  forget(): void {
    clearTimeout(this.#startTimer);
    for (const run of this.runs) run.close();
  }
}
