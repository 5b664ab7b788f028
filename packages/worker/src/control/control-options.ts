import type { SigningKeys } from "@poolmq/shared/internal";

/** Which queue is controlled, and by whom. */
export interface ControlOptions {
  readonly queue: string;
  readonly prefix?: string | undefined;
  /** Needed if the queue's producers and workers have keys. */
  readonly signingKeys?: SigningKeys | undefined;
  /** Who asks for it, for the machines' logs. */
  readonly by?: string | undefined;
}
