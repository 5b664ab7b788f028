/**
 * The wire contract: everything that passes between machines through Redis, in one file.
 *
 *   producer ──JobData──▶ Redis ──JobData──▶ supervisor
 *   producer ◀──Outcome entry── Redis ◀──publish── supervisor
 *
 * What a supervisor and its children tell each other is in `worker/src/pipe/pipe-messages.ts`.
 *
 * What is told only to those who watch a queue is in `wire-watch.ts`, and what machines are told to do in
 * `wire-control.ts`: both belong to the same contract.
 *
 * Golden files in `tests/contract` pin these shapes. A change that an older peer would misread raises
 * `WIRE_VERSION`; a peer that meets a version it does not know answers with a `WireVersionError`, never a guess.
 *
 * With a `signingKey`, everything that goes through Redis is signed: jobs (`sig`, `stateSig`), outcomes, progress, the
 * total of a durable map, shared values, advertisements and control messages, with the bytes that belong to them.
 * `signed-job.ts` says with which facts each is signed, so that a signature is valid in one place only; `signing.ts` says
 * how. A sealed text is `#`, the signature (43 characters of base64url), the text.
 */

/** Version of everything in this file. Sent with each job and each worker advertisement. */
export const WIRE_VERSION = 4;

/**
 * A value as text, made by the codec. Supervisors pass it on without opening it. The text never holds a raw tab or
 * newline, so it can end a line of the pipe.
 *
 * Where it says so, a payload may name parts of a block of bytes that travels beside its text: `@<offset>+<length>`. They
 * are in V8's structured clone format, as is what follows `~` in base64.
 */
export type Payload = string;

/** The `data` of a BullMQ job: the argument tuples of one chunk. The job's `name` is the task's name. */
export interface JobData {
  /** `WIRE_VERSION` of the producer. */
  readonly v: number;
  /** The map that this chunk belongs to. */
  readonly map: string;
  /** Index of the chunk's first item in the map's input, from 0. */
  readonly at: number;
  /** Number of items in the chunk, at least 1. Left out in Redis if it is 1: see `StoredJobData`. */
  readonly n: number;
  /**
   * An array of `n` argument tuples, each encoded apart from the others; or `*` and an array of `n` values, each the one
   * argument of its item. May name parts of the bytes.
   */
  readonly args: Payload;
  /** Number of bytes that belong to `args`, which are the field `at` of the map's `in`. Absent: none. */
  readonly bytes?: number;
  /** Of a producer with a `signingKey`: SHA-256 of these bytes, in base64url. */
  readonly bytesDigest?: string;
  /** Time limit of each item's function, in ms. Absent: what the function's definition says, or no limit. */
  readonly timeoutMs?: number;
  /** How long the map's keys outlive its last sign of life, in ms. Absent: `MAP_TTL_MS`. */
  readonly ttlMs?: number;
  /**
   * Keep the job beside its outcome if one of its items fails, so that they can be run again: `true` for each such job, a
   * number for so many of a map at most. Absent: not at all.
   */
  readonly keepFailed?: true | number;
  /** What its items print and log is forwarded to the producer. */
  readonly logs?: true;
  /**
   * Name of a registered function that makes one result of two neighbours' results: the job's results may come back folded
   * with it. A machine that does not know this field, or not that function, sends each result, which is valid as well.
   */
  readonly reduce?: string;
  /** Only machines with this version of the tasks' code may run it. Absent: every machine may. */
  readonly codeVersion?: string;
  /**
   * A backup, the second job for a chunk that runs for long. Its id ends in `-b`, so that older machines drop it as
   * corrupt.
   */
  readonly backup?: true;
  /** A permit of this limit is to be taken before it runs. Absent: what the function's definition says, or none. */
  readonly limit?: Limit;
  /** Arguments that every tuple of the chunk takes from a shared value: position in the tuple, id of the value. */
  readonly shares?: readonly (readonly [position: number, shareId: string])[];
  /** Written by supervisors: items that already have their outcome, when the chunk is run again for the others. */
  readonly kept?: readonly KeptOutcome[];
  /** Written by supervisors: the item, or the chunk, that is suspected of ending its processes, and how often it did. */
  readonly suspect?: Suspect;
  /**
   * Only this many items, from the first on, belong to this job: the others were taken back before they began, and travel
   * in jobs of their own. A machine that does not know the field runs them all, and the producer ignores the outcomes
   * that it did not expect.
   */
  readonly cut?: number;
  /** When the signature ends, in ms since the epoch. With `sig`. */
  readonly expiresAt?: number;
  /** Of a producer with a `signingKey`: signs all fields above, except those that supervisors write. */
  readonly sig?: string;
  /** Written by supervisors with a `signingKey`: signs `kept`, `suspect` and `cut`. */
  readonly stateSig?: string;
}

/**
 * The same as it is stored: without `n` if that is 1. While no field of a job is longer than 64 characters, Redis keeps the job
 * in one piece of memory, and adding, reading and removing it takes a tenth less of Redis's time. For tasks with a small argument,
 * these six characters decide it.
 */
export type StoredJobData = Omit<JobData, "n"> & { readonly n?: number };

/** A job of which an item failed, as it was before it ran. */
export interface FailedJob {
  /** Name of the task. */
  readonly task: string;
  readonly data: JobData;
  /** The producer's options for it, under BullMQ's names. */
  readonly opts: {
    readonly attempts?: number;
    readonly backoff?: { readonly type: string; readonly delay: number; readonly jitter?: number };
    readonly priority?: number;
    /** The caller's trace. */
    readonly telemetry?: { readonly metadata: string };
  };
}

/** The outcome of the item at `offset` in its chunk. */
export type KeptOutcome = readonly [offset: number, outcome: ItemOutcome];

export interface Suspect {
  /** Offset of the item in its chunk; `null` while it is only known that it is one of the chunk. */
  readonly offset: number | null;
  readonly losses: number;
}

/**
 * What became of the items of one job, as a stream entry's `o` field; the index of the job's first item is its `i` field. Values
 * may name parts of the bytes in its field `b`; those that are kept in a job may not.
 *
 * Several jobs may share an entry: each of `i`, `ran` and `o` then has a line for each of them. Such an entry has no bytes. An
 * entry with bytes is of one job.
 *
 * - `"=" + Payload`: every item succeeded; the payload is the array of the results, in input order, each encoded apart
 *   from the others. Of a job with `reduce`, it may be the array of one value: all results, folded.
 * - `"!" + JSON`: an `ItemOutcome[]`, one per item, in input order.
 *
 * Signed: `"#"`, the digest of the job that it answers (43 characters), the signature (43 characters; over the bytes too),
 * then one of these.
 */
export type OutcomeText = string;

/**
 * How a job ran, as a stream entry's `ran` field: for how long, in ms; then, if anybody ran it, the worker machine's id
 * and the child's process id; then, if they are not 1 and 0, the attempt and the number of processes and machines that
 * were lost with the job; then, of a backup, the word `backup`. A space between each two. Only `chunksize: "auto"` and
 * people use it.
 */
export type RanText = string;

/** What an item printed or logged, in order, as the value of a stream entry with its index as `l`. */
export interface LogBatch {
  /** The worker machine. */
  readonly worker: string;
  /** Process id of the child. */
  readonly pid: number;
  readonly attempt: number;
  readonly lines: readonly LogLine[];
}

/** A line without its end; of `log`, a record as pino writes it; or how many lines more there were. */
export type LogLine =
  | readonly [from: "stdout" | "stderr" | "log", text: string]
  | readonly ["dropped", number];

/** What became of one item. */
export type ItemOutcome =
  | {
      readonly s: "ok";
      /** Of a job with `reduce`: the results of the items behind it that are `folded` are part of this value. */
      readonly value: Payload;
      /** Its result is in the value of the last item before it that is not `folded`. */
      readonly folded?: true;
    }
  /** The function threw: what it threw, encoded by the thrown-value codec. */
  | {
      readonly s: "threw";
      readonly thrown: Payload;
      readonly by: RemoteInfo;
      /** According to the function's definition, another attempt would not help. */
      readonly final?: true;
    }
  /** A failure that poolmq itself reports, as facts from which the producer makes the typed error. */
  | { readonly s: "failed"; readonly failure: Failure; readonly by: RemoteInfo };

/** Where and when an item ran, for error messages and `error.remote`. */
export interface RemoteInfo {
  /** Registered name of the function. */
  readonly task: string;
  /** Index of the item in the map's input, from 0. */
  readonly index: number;
  /** Which attempt this was, from 1. */
  readonly attempt: number;
  /** The worker machine: `<host>-<pid of the supervisor>-<random>`. */
  readonly worker: string;
  /** Process id of the child that ran the item; 0 if none did. */
  readonly pid: number;
  /** On a pool in memory, of a call with `keepFailed`: the command that runs the item once more in a terminal. */
  readonly replay?: string;
}

/** The failures that workers report, as facts. */
export type Failure =
  | {
      readonly code: "WORKER_LOST";
      /** How many processes the item took down. */
      readonly losses: number;
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly outOfMemory: boolean;
      /** The uncaught error, encoded by the thrown-value codec, if that ended the last process. */
      readonly thrown?: Payload;
    }
  | { readonly code: "TASK_TIMEOUT"; readonly timeoutMs: number }
  | { readonly code: "TASK_NOT_REGISTERED"; readonly known: readonly string[] }
  /** `known`: versions of the tasks' code that live machines have. */
  | { readonly code: "CODE_VERSION"; readonly asked: string; readonly known: readonly string[] }
  | { readonly code: "WIRE_VERSION"; readonly expected: number; readonly got: number }
  | { readonly code: "SHARED_VALUE_GONE"; readonly shareId: string }
  | { readonly code: "CORRUPT_JOB"; readonly reason: string };

/** What a worker machine reports with every heartbeat. */
export interface WorkerAdvertisement {
  readonly v: number;
  readonly id: string;
  readonly host: string;
  /** Process id of the supervisor. */
  readonly pid: number;
  /** Number of child processes. */
  readonly processes: number;
  /** Items that one child runs at a time. */
  readonly concurrency: number;
  /** Registered functions by name. */
  readonly tasks: Readonly<Record<string, TaskInfo>>;
  /**
   * Why this machine can't run anything, if it can't: the failure of its tasks module, or, with the phase `redis` and no
   * module, what Redis refuses.
   */
  readonly unfit?: { readonly module: string; readonly phase: string; readonly reason: string };
  /** Versions of the worker package and of Node. */
  readonly version: string;
  readonly node: string;
  /** Version of the tasks' code, if whoever started the machine gave one. */
  readonly codeVersion?: string;
  /** Names of the keys with which jobs must be signed; the first is what this machine signs with. Absent: it has none. */
  readonly keys?: readonly string[];
  /** With `keys`: signs all of the above. */
  readonly sig?: string;
}

/** What a worker machine tells of a registered function. */
export interface TaskInfo {
  /** Number of parameters (`Function.length`). */
  readonly arity: number;
  /** Items per job, if the function's definition says. */
  readonly chunksize?: number | "auto";
  /** How often an item is tried in all, if the function's definition says. */
  readonly attempts?: number;
  /** How long to wait before another attempt, if the function's definition says. */
  readonly backoff?: Backoff;
  /** Time limit of an item, in ms, if the function's definition says. */
  readonly timeoutMs?: number;
  /** How many items the function takes at once, if it is a batch task. */
  readonly maxItems?: number;
  /** The limit under which its items run, if the function's definition says. */
  readonly limit?: Limit;
}

/**
 * How many items with the same key may run at a time and start in a second, on all machines of a queue. At least one of
 * the two numbers is given.
 */
export interface Limit {
  /** Names what the items share, such as a service that they call. */
  readonly key: string;
  /** Items that run at a time. Absent: no limit. */
  readonly concurrency?: number;
  /** Items that start in a second, evenly spread. Absent: no limit. */
  readonly ratePerSecond?: number;
}

/** How long to wait before a failed item is tried again. */
export interface Backoff {
  /** `fixed`: always `delayMs`. `exponential`: `delayMs` × 2^(attempt − 1). */
  readonly type: "fixed" | "exponential";
  /** How long, in ms. */
  readonly delayMs: number;
  /** Part of the delay that is random, from 0 to 1. Absent: 0. */
  readonly jitter?: number;
}
