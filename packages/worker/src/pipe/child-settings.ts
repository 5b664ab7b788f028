/** Where what tasks print goes: into the machine's log, or to where the machine itself prints. */
export type PrintTarget = "log" | "inherit";

/** What a child is told at its start: JSON, as its one argument. */
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
  /** Says of each run when it ended: whoever asked for it is on this machine, and no Redis says how long its way was. */
  readonly tellsTransit: boolean;
  /** Where what tasks print goes. */
  readonly prints: PrintTarget;
  /** Below this level, records of tasks need not be written. */
  readonly logLevel: string;
}
