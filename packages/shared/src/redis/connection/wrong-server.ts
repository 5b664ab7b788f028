/**
 * A server that is not (or no longer) the primary, or not loaded yet: a command that it refuses is sent again after a
 * reconnect, for as long as it takes. So whoever sent it gets no answer, and has to look here for what is the matter.
 */

import type { Cluster, Redis } from "ioredis";

import { withoutArguments } from "./connection-failure.ts";

/**
 * Such a command did not run. Without sending it again, one LOADING reply makes BullMQ record a good job as failed. Redis
 * 6.2 wraps what happens within a script; UNBLOCKED ends a blocking command when its server is demoted.
 */
const WRONG_SERVER =
  /^(READONLY|LOADING|MASTERDOWN|UNBLOCKED) |^ERR Error running script .* -(READONLY|LOADING|MASTERDOWN) /s;

/** A connection that such a server refuses is opened again twice a second: if nothing was refused for so long, it serves. */
const RECENT_MS = 2_500;

/** What such a server answered, and when, by the monotonic clock. */
export interface WrongServer {
  readonly error: Error;
  readonly at: number;
}

const watches = new WeakMap<Redis | Cluster, WrongServerWatch>();

/** Watches the error replies of a connection, and of its duplicates. */
export class WrongServerWatch {
  #last: WrongServer | undefined;

  /** Whether a reply comes from the wrong server. Sees each error before whoever sent the command does. */
  isOf(reply: Error): boolean {
    // Arguments must not get into anybody's log.
    const error = withoutArguments(reply);
    if (!WRONG_SERVER.test(error.message)) return false;
    this.#last = { error, at: performance.now() };
    return true;
  }

  /** Lets `wrongServer` find what comes over this connection. */
  watch(connection: Redis | Cluster): void {
    watches.set(connection, this);
  }

  get recent(): WrongServer | undefined {
    return this.#last !== undefined && performance.now() - this.#last.at < RECENT_MS ? this.#last : undefined;
  }
}

/** What the server answered that does not serve this connection, if it did so in the last seconds. */
export function wrongServer(connection: Redis | Cluster): WrongServer | undefined {
  return watches.get(connection)?.recent;
}
