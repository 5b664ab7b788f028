/**
 * Watches for servers that are not (or no longer) the primary, or have not loaded their data yet. A command that such a
 * server refuses is sent again after a reconnect, for as long as it takes. Its sender gets no answer meanwhile, and
 * finds out here why.
 */

import type { Cluster, Redis } from "ioredis";

import { withoutArguments } from "./connection-failure.ts";

/**
 * Errors of commands that did not run and are to be sent again; otherwise, one LOADING reply makes BullMQ record a good
 * job as failed. Redis 6.2 puts a prefix before errors within a script. UNBLOCKED ends a blocking command when its
 * server is demoted.
 */
const WRONG_SERVER =
  /^(READONLY|LOADING|MASTERDOWN|UNBLOCKED) |^ERR Error running script .* -(READONLY|LOADING|MASTERDOWN) /s;

/**
 * A refused connection is opened again twice a second. If nothing was refused for this long, the server serves again.
 */
const RECENT_MS = 2_500;

/** What a wrong server answered, and when, by the monotonic clock. */
export interface WrongServer {
  readonly error: Error;
  readonly at: number;
}

const watches = new WeakMap<Redis | Cluster, WrongServerWatch>();

/** Watches the error replies of a connection, and of its duplicates. */
export class WrongServerWatch {
  #last: WrongServer | undefined;

  /** Whether a reply comes from the wrong server. It is called before the command's sender sees the error. */
  isOf(reply: Error): boolean {
    // Arguments must not get into anybody's log.
    const error = withoutArguments(reply);
    if (!WRONG_SERVER.test(error.message)) return false;
    this.#last = { error, at: performance.now() };
    return true;
  }

  /** Lets `wrongServer` find the replies of this connection. */
  watch(connection: Redis | Cluster): void {
    watches.set(connection, this);
  }

  get recent(): WrongServer | undefined {
    return this.#last !== undefined && performance.now() - this.#last.at < RECENT_MS ? this.#last : undefined;
  }
}

/** What the wrong server answered on this connection, if it did so in the last `RECENT_MS`. */
export function wrongServer(connection: Redis | Cluster): WrongServer | undefined {
  return watches.get(connection)?.recent;
}
