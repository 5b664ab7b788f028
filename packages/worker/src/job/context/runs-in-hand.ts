import type { RunEnd } from "../../runs/run.ts";

/** How a run ended. `put off`: it never began, and the job waits in Redis for a permit. */
type Ended = RunEnd | "put off";

interface RunInHand {
  /** Token of the lock under which the job is here now. */
  token: string;
  readonly end: Promise<Ended>;
}

/**
 * The runs that are under way on this machine. If a lock expires while its job runs here, because Redis was away, the
 * queue gives the job out again, and maybe to this very machine: then the run goes on under the new lock, and no second
 * one is started beside it.
 */
export class RunsInHand {
  readonly #runs = new Map<string, RunInHand>();

  /** Whether the job with this id is under way here. */
  has(jobId: string): boolean {
    return this.#runs.has(jobId);
  }

  /**
   * Runs a job, or takes over its run that is under way already.
   *
   * @returns how the run ended; "taken over" if the job came again meanwhile; the later call then handles its end
   */
  run(jobId: string, token: string, begin: () => Promise<Ended>): Promise<Ended | "taken over"> {
    const before = this.#runs.get(jobId);
    const run = before ?? { token, end: begin() };
    if (before === undefined) this.#runs.set(jobId, run);
    else run.token = token;
    return run.end.then((end) => {
      if (run.token !== token) return "taken over";
      if (this.#runs.get(jobId) === run) this.#runs.delete(jobId);
      return end;
    });
  }
}
