/** How the start of a crew goes: which functions are registered, or why no host becomes ready, and when it is tried again. */

import type { SystemLimitError, TasksModuleError } from "@poolmq/shared";
import type { TaskInfo } from "@poolmq/shared/internal";

import { RestartPolicy } from "./restart-policy.ts";

type Tasks = Readonly<Record<string, TaskInfo>>;

export class CrewStart {
  readonly again: RestartPolicy = new RestartPolicy();
  readonly #ready = Promise.withResolvers<Tasks>();
  #tasks: Tasks | undefined;
  #failure: TasksModuleError | undefined;

  constructor() {
    this.#ready.promise.catch(() => {}); // handled by the caller of `start()`, if there is one
  }

  /** Gives the registered functions once the first host is ready. */
  get ready(): Promise<Tasks> {
    return this.#ready.promise;
  }

  /** A host has been ready. */
  get wasReady(): boolean {
    return this.#tasks !== undefined;
  }

  /** Why the last host failed to become ready; `undefined` if a host has become ready since. */
  get failure(): TasksModuleError | undefined {
    return this.#failure;
  }

  /** A host is ready. */
  succeeded(tasks: Tasks): void {
    this.again.wasReady();
    this.#failure = undefined;
    this.#tasks ??= tasks;
    this.#ready.resolve(this.#tasks);
  }

  /** A host could not load its module. */
  failed(failure: TasksModuleError): void {
    this.#failure = failure;
    if (!this.wasReady) this.#ready.reject(failure);
  }

  /**
   * The system refused to start a host. @param isAlone - there is no other host; with at least one, the crew goes on
   * working
   */
  refused(refusal: SystemLimitError, isAlone: boolean): void {
    if (isAlone && !this.wasReady) this.#ready.reject(refusal);
  }
}
