import type { OutcomeText } from "@poolmq/shared/internal";

/** The part of a job that observers see. */
export interface ObservedJob {
  /** Name of its task. */
  readonly name: string;
  /** When it was enqueued, in ms since 1970, by the producer's clock. */
  readonly timestamp: number;
  /** How often it was taken from the queue. */
  readonly attemptsMade: number;
}

/** Is told of each job that ran or was published. It is called once or twice a job, so it must be quick. */
export interface WorkObserver {
  /** A job has just ended and ran for `ms`. */
  ran(job: ObservedJob, ms: number): void;
  /** The outcomes of a job's items are in Redis. */
  published(task: string, items: number, outcomes: OutcomeText): void;
}

/** Observes nothing: for a machine that serves no metrics. */
export const NO_OBSERVER: WorkObserver = { ran() {}, published() {} };
