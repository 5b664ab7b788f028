import type { RemoteInfo } from "../wire.ts";

/** Base of every error that poolmq makes itself (errors of your own functions come back as themselves). */
export abstract class PoolmqError extends Error {
  /** Which error this is, for a program to switch on. */
  abstract readonly code: string;
  /** Where the item ran, if the error belongs to an item. */
  declare remote?: RemoteInfo;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
