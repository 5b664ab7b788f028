/**
 * Whether this process or thread is a worker that loads its tasks module at this moment. A pool that is made then, by a
 * module that the tasks import, would start workers that load the module too, and make it again, without end.
 */

/** Known to all copies of this package: a tasks module may have a copy of its own. */
const LOADING = Symbol.for("poolmq.loading");

export interface LoadingTasks {
  /** Path of the tasks module. */
  readonly module: string;
  readonly phase: "load" | "initializer";
}

const place = globalThis as { [LOADING]?: LoadingTasks | undefined };

/** What is being loaded; `undefined` if nothing is, or this is no worker. */
export function loadingTasks(): LoadingTasks | undefined {
  return place[LOADING];
}

/** Says what is being loaded from now on. */
export function setLoadingTasks(loading: LoadingTasks | undefined): void {
  place[LOADING] = loading;
}
