import type { QueueKeys, Signer } from "@poolmq/shared/internal";

/** The queue that a gather works on. */
export interface GatheredQueue {
  readonly keys: QueueKeys;
  /** Its name, for messages. */
  readonly queue: string;
  readonly signer: Signer | undefined;
  readonly signatureTtlMs: number;
}

export interface GatherHooks {
  /** Something went wrong that passes, or that concerns no one map. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Something that a person should look at. */
  alarm(message: string): void;
  /** What is left of a map is being removed from Redis, which should be done before this process ends. */
  cleaning(done: Promise<unknown>): void;
  /** The workers end with this process, so this process has to remove the jobs that they run. */
  readonly ownWorkers: boolean;
}
