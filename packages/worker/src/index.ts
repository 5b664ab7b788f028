export { runWorker } from "./run-worker.ts";
export type { WorkerMachine } from "./run-worker.ts";
export type { WorkerOptions } from "./worker-options.ts";
export { HealthPortError, TasksModuleError } from "./errors.ts";
export { defineTask } from "./define-task.ts";
export type { TaskOptions } from "./define-task.ts";
export { taskContext } from "./task-context.ts";
export type { TaskContext } from "./task-context.ts";
