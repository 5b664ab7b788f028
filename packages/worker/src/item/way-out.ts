/** How a host says something to whoever started it: through a pipe, or a port. */

import type { Payload } from "@poolmq/shared/task";

import type { FromChild } from "../pipe/pipe-messages.ts";

export interface WayOut {
  send(message: FromChild, text?: Payload, bytes?: Buffer): void;
  /** Sends what was said at once, and not with what comes in the same turn of the event loop. */
  flush(): void;
  /** Waits until what was said has left this process. */
  drained(): Promise<void>;
  /** Ends this host once all that it said is on its way. */
  end(exitCode: number): void;
}
