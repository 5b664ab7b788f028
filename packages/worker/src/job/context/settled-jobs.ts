/**
 * The most jobs that are remembered, more than a queue starts twice in a long time. One that was forgotten costs a run
 * whose outcome is dropped.
 */
const MAX_JOBS = 10_000;

/**
 * Chunks with a backup that have their outcome, as producers report: their other job need not run any more. The outcome
 * itself is in Redis, which is asked before a job is dropped, because a failed item may have been sent once more since.
 */
export class SettledJobs {
  readonly #hasOutcome: (mapId: string, at: number) => Promise<boolean>;
  /** Ids of the chunks' first jobs, not of their backups. */
  readonly #ids = new Set<string>();

  /** @param hasOutcome - asks Redis */
  constructor(hasOutcome: (mapId: string, at: number) => Promise<boolean>) {
    this.#hasOutcome = hasOutcome;
  }

  add(jobId: string): void {
    this.#ids.add(jobId);
    const [oldest] = this.#ids;
    if (this.#ids.size > MAX_JOBS && oldest !== undefined) this.#ids.delete(oldest);
  }

  /**
   * Whether the chunk whose first job has this id has its outcome. Answers without Redis unless a producer has reported
   * the job.
   */
  has(jobId: string, { map, at }: { readonly map: string; readonly at: number }): false | Promise<boolean> {
    return this.#ids.has(jobId) && this.#hasOutcome(map, at);
  }
}
