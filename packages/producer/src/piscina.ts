/**
 * What we use of Piscina, in our own words: its own types do not compile under `exactOptionalPropertyTypes` (5.3.2,
 * `FilledOptions`), and would reach whoever uses ours.
 */

import { createRequire } from "node:module";
import type { Worker } from "node:worker_threads";

interface PiscinaOptions {
  /** File whose export `name` is called with each task. */
  readonly filename: string;
  readonly name: string;
  readonly minThreads: number;
  readonly maxThreads: number;
  readonly concurrentTasksPerWorker: number;
  readonly atomics: "sync" | "async" | "disabled";
  readonly execArgv: string[];
  readonly workerData: unknown;
  readonly recordTiming: boolean;
  readonly resourceLimits?: { readonly maxOldGenerationSizeMb: number };
  /** Chooses the thread of a task. */
  readonly loadBalancer: <W extends { readonly id: number }>(
    task: { readonly [queueOptions: symbol]: unknown },
    workers: readonly W[],
  ) => W | null;
}

export interface Piscina {
  /** @param options - `signal`: ends the thread that runs the task */
  run(task: object, options: { readonly signal?: AbortSignal }): Promise<unknown>;
  /** Ends all threads. */
  destroy(): Promise<void>;
  readonly threads: readonly Worker[];
  /** `message`: of a thread, on its `parentPort`. `error`: a thread that ran nothing has died. */
  on(event: "message" | "error", listener: (value: unknown) => void): this;
}

export interface PiscinaClass {
  new (options: PiscinaOptions): Piscina;
  /** Key of a property of a task object that stays on this side; the balancer sees it. */
  readonly queueOptionsSymbol: symbol;
}

/** Loads Piscina, for which only those pay who have threads. */
export function requirePiscina(): PiscinaClass {
  const require = createRequire(import.meta.url);
  return (require("piscina") as { Piscina: PiscinaClass }).Piscina;
}
