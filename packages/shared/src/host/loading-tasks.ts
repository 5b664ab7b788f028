/**
 * Whether this process or thread is a worker that loads its tasks module at this moment. A pool that is made then, by a
 * module that the tasks import, would start workers that load the module too, and make it again, without end.
 */

/** A global symbol, which all copies of this package share: a tasks module may import another copy. */
const LOADING = Symbol.for("poolmq.loading");

export interface LoadingTasks {
  /** Path of the tasks module. */
  readonly module: string;
  readonly phase: "load" | "initializer";
}

const place = globalThis as { [LOADING]?: LoadingTasks | undefined };

/** The tasks module that this worker is loading; `undefined` if it is loading none, or this is no worker. */
export function loadingTasks(): LoadingTasks | undefined {
  return place[LOADING];
}

/** Notes which tasks module is being loaded from now on. */
export function setLoadingTasks(loading: LoadingTasks | undefined): void {
  place[LOADING] = loading;
}
