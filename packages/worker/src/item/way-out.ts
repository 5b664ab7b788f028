/** How a host sends messages to its supervisor or pool: through a pipe or a port. */

import type { Payload } from "@poolmq/shared/task";

import type { FromChild } from "../pipe/pipe-messages.ts";

export interface WayOut {
  send(message: FromChild, text?: Payload, bytes?: Buffer): void;
  /** Sends buffered messages now, instead of at the end of the turn of the event loop. */
  flush(): void;
  /** Waits until all messages have left this process. */
  drained(): Promise<void>;
  /** Ends this host once all messages are on their way. */
  end(exitCode: number): void;
}
