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
    this.#ready.promise.catch(() => {}); // `start()` hands it out; nobody else need listen
  }

  /** Gives the registered functions once the first host is ready. */
  get ready(): Promise<Tasks> {
    return this.#ready.promise;
  }

  /** A host has been ready. */
  get wasReady(): boolean {
    return this.#tasks !== undefined;
  }

  /** Why the last host that did not become ready failed, if none did since. */
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

  /** The system did not start a host. @param isAlone - there is no other: with fewer than there should be, too, it works */
  refused(refusal: SystemLimitError, isAlone: boolean): void {
    if (isAlone && !this.wasReady) this.#ready.reject(refusal);
  }
}
