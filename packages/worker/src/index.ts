export { runWorker } from "./run-worker.ts";
export type { WorkerMachine } from "./run-worker.ts";
export type { WorkerOptions } from "./worker-options.ts";
export { TasksModuleError } from "./errors.ts";
