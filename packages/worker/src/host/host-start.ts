/** The start of a host: its time limit, and the reason if it fails. */

import { TasksModuleError } from "@poolmq/shared";
import { decodeThrown } from "@poolmq/shared/task";
import type { Payload } from "@poolmq/shared/task";

import type { CrewLog } from "./crew-log.ts";
import type { FromChild } from "../pipe/pipe-messages.ts";
import type { Host, HostExit } from "./host.ts";
import { PatientTimer } from "./patient-timer.ts";

interface HostStartOptions {
  readonly module: string;
  readonly startTimeoutMs: number;
}

export class HostStart {
  readonly #options: HostStartOptions;
  readonly #host: Host;
  readonly #log: CrewLog;
  readonly #timer: PatientTimer;
  /** When it was started, by the monotonic clock. */
  readonly startedAt: number = performance.now();
  /** Why it never became ready, if the host said so or it is known otherwise. */
  #error: unknown;
  #wasReady = false;
  #wasRetired = false;

  constructor(options: HostStartOptions, host: Host, log: CrewLog) {
    this.#options = options;
    this.#host = host;
    this.#log = log;
    this.#timer = new PatientTimer(options.startTimeoutMs, () => this.#tooLong());
  }

  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Whether the host was told to end, so that its end is no loss. */
  get wasRetired(): boolean {
    return this.#wasRetired;
  }

  /** Whether it is known why the host does not become ready. */
  get hasError(): boolean {
    return this.#error !== undefined;
  }

  ready(): void {
    this.#timer.clear();
    this.#wasReady = true;
    this.#log.info({ childPid: this.#host.pid }, "child ready");
  }

  retired(): void {
    this.#wasRetired = true;
  }

  ended(): void {
    this.#timer.clear();
  }

  /**
   * @param isFirst - no host has become ready yet: `start()` rejects with the error, and it need not be logged for each
   * host
   */
  unfit({ phase, reason }: Extract<FromChild, { t: "unfit" }>, thrown: Payload, isFirst: boolean): void {
    const cause = decodeThrown(thrown);
    this.#error = new TasksModuleError({ module: this.#options.module, phase, cause });
    const told = isFirst ? { reason } : { err: cause };
    this.#log.error({ childPid: this.#host.pid, phase, ...told }, "child unfit");
  }

  /** The error of its start, if it never became ready. */
  failure(exit: HostExit): TasksModuleError {
    if (this.#error instanceof TasksModuleError) return this.#error;
    const { exitCode, signal } = exit;
    const cause =
      this.#error ??
      new Error(`exit code ${exitCode}, signal ${signal}, before it was ready${hintFor(exit)}`);
    return new TasksModuleError({ module: this.#options.module, phase: "exit", cause });
  }

  #tooLong(): void {
    const { startTimeoutMs } = this.#options;
    this.#error = new Error(
      `it was not ready within \`startTimeoutMs\` (${startTimeoutMs} ms): its import or its initializer does not end`,
    );
    this.#log.error({ childPid: this.#host.pid, startTimeoutMs }, "child did not start in time");
    this.#host.kill();
  }
}

/** What the user can do about a process that did not become ready, as the end of a sentence. */
function hintFor({ signal, outOfMemory }: HostExit): string {
  if (outOfMemory)
    return ". Its memory was exhausted: start fewer `processes`, load less in the module, or raise the limit";
  if (signal === null) return "";
  if (signal === "SIGKILL")
    return ", at several starts in a row. If nobody kills these processes, the system may have too little memory for them";
  return ", at several starts in a row. If nobody kills these processes, a native addon that the module imports may crash";
}
