import type { TaskInfo } from "@poolmq/shared/internal";

/** A running worker machine. */
export interface WorkerMachine extends AsyncDisposable {
  /** Unique id: host, process id and a random part. */
  readonly id: string;
  /** Registered functions by name. */
  readonly tasks: Readonly<Record<string, TaskInfo>>;
  /** Process ids of the living children. */
  readonly pids: readonly number[];
  /** Where health checks and metrics are served, such as `http://127.0.0.1:9090`; `undefined` without `healthPort`. */
  readonly healthUrl: string | undefined;
  /** Resolves when the machine has stopped. */
  readonly closed: Promise<void>;
  /** Stops taking work, finishes what runs, hands back the rest; kills what is left after `timeoutMs`. */
  close(timeoutMs?: number): Promise<void>;
  /** Stops at once by killing the children; other machines take over their jobs. */
  kill(): void;
}
