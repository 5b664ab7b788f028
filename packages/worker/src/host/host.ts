/**
 * A host runs a tasks module: a child process (`process-host.ts`), a thread (`thread-host.ts`) or this very program
 * (`inline-host.ts`). A crew knows only this interface of a host. Clocks, charges and replacements are the same for all
 * of them, and are written in the folders above.
 *
 * A host is not trusted: whatever it does or says, it only harms itself and the runs that it has begun.
 */

import type { SystemLimitError } from "@poolmq/shared";
import type { Payload } from "@poolmq/shared/task";

import type { FromChild, FromGuard, ToChild, ToGuard } from "../pipe/pipe-messages.ts";
import type { QuietPipe } from "../pipe/quiet-pipe.ts";

/** How a host ended. */
export interface HostExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** V8 reported that its heap is exhausted, or it was killed for its use of memory. */
  readonly outOfMemory: boolean;
  /** Why the system refused to start it, or a thread in it. */
  readonly refused?: SystemLimitError;
}

export interface HostEvents {
  onMessage(message: FromChild, text: Payload, bytes: Buffer | undefined): void;
  onGuard(message: FromGuard): void;
  /** It wrote something that is not a message. */
  onGarbage(reason: string): void;
  /** It has closed one of its pipes: it is about to end, or can no longer be reached. */
  onSevered(): void;
  /** Called once, after the last message. */
  onExit(exit: HostExit): void;
}

export interface Host {
  /** Process id; of a thread, its number in this process. 0 if it never started. */
  readonly pid: number;
  /** Lets its messages wait, while its runs were sent as `quiet`. Absent if they never do. */
  readonly quiet?: Pick<QuietPipe, "start" | "end" | "readNow" | "isQuiet"> | undefined;
  send(message: ToChild, text?: Payload, bytes?: Buffer): void;
  /** Sends buffered messages now, instead of at the end of the turn of the event loop. */
  flush(): void;
  /** Sends to its guard thread, which answers even while user code blocks the main thread. */
  sendToGuard(message: ToGuard): void;
  /** Resident memory, in bytes, if the system tells. */
  residentBytes(): number | undefined;
  /** Whether programs that its tasks have started still run, as far as the system tells. */
  hasPrograms(): boolean;
  /**
   * Ends it at once and, where the system allows it, the programs that its tasks started. @param facts - what its exit
   * status can't tell
   */
  kill(facts?: { readonly outOfMemory?: boolean }): void;
}

/** Starts a host, which by itself does not keep this process alive. */
export type StartHost = (events: HostEvents) => Host;
