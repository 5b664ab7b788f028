/** The part of the wire contract that tells machines what to do. Its version is that of `wire.ts`. */

/** Messages on the control channel (Redis pub/sub) of a queue. */
export type ControlMessage =
  /** `reason`: for its producer, to whom it goes as the entry `cancel` of the map's stream. */
  (
    | { readonly t: "cancel"; readonly map: string; readonly reason?: string }
    /** For its producer, as the entry `priority` of the map's stream: how urgent its further jobs are; 0 is none. */
    | { readonly t: "priority"; readonly map: string; readonly priority: number }
    /** These jobs of a map (by first index) have their outcome: any other machine that runs one of them is to stop. */
    | { readonly t: "settled"; readonly map: string; readonly jobs: readonly number[] }
    /**
     * The machine that runs one of these jobs of a map (by first index) is to give back the items that have not begun.
     * What a job keeps is told as an entry of the map's stream: the job's index as `cut`, and as `v` the number of its
     * items.
     */
    | { readonly t: "cut"; readonly map: string; readonly jobs: readonly number[] }
    /** These shared values are gone: machines are to forget their copies. */
    | { readonly t: "unshare"; readonly shares: readonly string[] }
    /**
     * Somebody watches from now on: machines are to report at once what they run, and not only with the next heartbeat.
     * Never signed, because watchers need no key.
     */
    | { readonly t: "watch" }
    /**
     * Somebody reads the logs from now on: machines are to report the lines that they have kept, and further ones. Never
     * signed, as above.
     */
    | { readonly t: "listen" }
    /** A machine takes no more jobs, finishes what it runs, and ends. `by`: who asked for it, for the machine's log. */
    | { readonly t: "drain"; readonly worker: string; readonly by: string }
    /** A machine is to have `processes` child processes. */
    | { readonly t: "resize"; readonly worker: string; readonly processes: number; readonly by: string }
    /** The process that runs this item is killed, and the item charged with it. */
    | { readonly t: "kill"; readonly map: string; readonly index: number; readonly by: string }
    /** Asks what a child process executes now. The machine answers in the key that `id` names. */
    | {
        readonly t: "stack";
        readonly worker: string;
        readonly pid: number;
        readonly id: string;
        readonly by: string;
      }
    /** An operator did something to the queue, which machines are to log. */
    | { readonly t: "notice"; readonly what: string; readonly by: string }
  ) & {
    /** When the signature ends, in ms since the epoch. With `sig`. */
    readonly expiresAt?: number;
    readonly sig?: string;
  };
