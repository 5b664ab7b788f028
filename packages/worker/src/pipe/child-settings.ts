/** Where what tasks print goes: into the machine's log, or to where the machine itself prints. */
export type PrintTarget = "log" | "inherit";

/** The settings of a child, which it gets as JSON in its only argument. */
export interface ChildSettings {
  /** Path of the tasks module. */
  readonly module: string;
  /** Id of the worker machine. */
  readonly workerId: string;
  /** Items that it runs at a time. */
  readonly concurrency: number;
  /** Largest result or error of an item, in bytes. */
  readonly maxOutcomeBytes: number;
  /** Errors of tasks are sent without their stacks. */
  readonly redactStacks: boolean;
  /** Report when each run ended. Only in pools in memory, where the caller is on this machine and shares the clock. */
  readonly tellsTransit: boolean;
  /** The destination of what tasks print. */
  readonly prints: PrintTarget;
  /** Below this level, records of tasks need not be written. */
  readonly logLevel: string;
}
