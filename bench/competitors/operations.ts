/**
 * What the bench asks of a competitor. Each is a program of its own, so that none is measured with another's heap; it
 * reads requests from stdin and answers on stdout, one line of JSON each, and times itself.
 *
 * A competitor answers what it can, and is asked for nothing else.
 */

/** What a competitor is started with: its only argument, as JSON. */
export interface Setup {
  /** `redis://127.0.0.1:port`. */
  readonly redis: string;
  /** Worker processes, or threads. */
  readonly processes: number;
  /** Items that one of them runs at a time, where they wait and do not compute. */
  readonly concurrency: number;
  /** How long each item of `waitHere` takes on this machine, in ms, whatever its argument. */
  readonly slowMs?: number;
  /** The queue to use. @defaultValue one of its own */
  readonly queue?: string;
  /** How many jobs of a map may be under way. @defaultValue the pool's */
  readonly window?: number;
}

/** One number per item: those of `list`, or 0, 1, … up to `range`. */
export type Arguments = { readonly range: number } | { readonly list: readonly number[] };

/** One of the maps that are under way at the same time. */
export interface SideMap {
  readonly task: "increment" | "wait" | "waitHere";
  readonly items: number;
  /** The argument of each item. */
  readonly ms: number;
  /** When its call is made, in ms after the request. @defaultValue 0 */
  readonly afterMs?: number;
  readonly options?: {
    readonly chunksize?: number;
    readonly priority?: number;
    readonly mapId?: string;
    readonly speculate?: boolean;
  };
}

/** When the call was made and when each result came, in the order in which they came; in ms since 1970. */
export interface SideTimes {
  readonly calledAt: number;
  readonly cameAt: readonly number[];
  /** Which item each of them was, in the same order. */
  readonly indices: readonly number[];
  /** Mean of its items' real run times, in ms. */
  readonly meanMs: number;
}

export interface Operations {
  /** Garbage is collected before each request. This does nothing else, for those whose requests are to begin at the same moment. */
  collect: {
    readonly request: Readonly<Record<string, never>>;
    readonly reply: Readonly<Record<string, never>>;
  };
  /** The map of a task. `sum` is that of the results, so that the bench can tell whether they are right. */
  map: {
    readonly request: {
      readonly task: "increment" | "spin" | "wait";
      readonly args: Arguments;
      /** `undefined`: the competitor's default. */
      readonly chunksize?: number | "auto";
      /** Number of such maps, one after the other; `ms` is their mean. Not every competitor's program supports it. */
      readonly times?: number;
    };
    readonly reply: { readonly ms: number; readonly sum: number };
  };
  /** Maps side by side. Those that have not ended `forMs` after the request are cancelled. */
  sideBySide: {
    readonly request: { readonly maps: readonly SideMap[]; readonly forMs: number };
    readonly reply: { readonly maps: readonly SideTimes[] };
  };
  /** Calls of `increment`, one after the other. */
  calls: {
    readonly request: { readonly count: number };
    /** How long each took. */
    readonly reply: { readonly ms: readonly number[] };
  };
  /** A stream of `increment` over `0 … n - 1`, read slowly: after every `pauseEvery` results the reader waits a moment. */
  slowStream: {
    readonly request: { readonly n: number; readonly pauseEvery: number; readonly pauseMs: number };
    /** The memory is this process's resident set, in bytes: before, and at its highest. */
    readonly reply: {
      readonly ms: number;
      readonly sum: number;
      readonly before: number;
      readonly peak: number;
    };
  };
  /** A sum of `1 … n`, or the histogram of `n` blocks, folded by the workers or by the producer. */
  fold: {
    readonly request: {
      readonly what: "sum" | "histogram";
      readonly n: number;
      readonly by: "workers" | "producer";
    };
    /** `sum` is that of the counts of a histogram. The memory is this process's resident set, in bytes. */
    readonly reply: {
      readonly ms: number;
      readonly sum: number;
      readonly before: number;
      readonly peak: number;
    };
  };
  /** Rows inserted into a database. `calls`: a call of the batch task for each, all at once. */
  inserts: {
    readonly request: { readonly rows: number; readonly how: "one by one" | "batches" | "calls" };
    readonly reply: { readonly ms: number };
  };
  /** A map of buffers that are sent there and back. */
  buffers: {
    readonly request: { readonly count: number; readonly bytes: number };
    readonly reply: { readonly ms: number };
  };
  /** A map of which every item uses one large buffer. */
  shared: {
    readonly request: { readonly count: number; readonly bytes: number };
    readonly reply: { readonly ms: number };
  };
}

export type OperationName = keyof Operations;

/** The handlers of a competitor's program. */
export type Handlers = {
  readonly [Name in OperationName]?: (
    request: Operations[Name]["request"],
  ) => Promise<Operations[Name]["reply"]>;
};

export function argumentsOf(args: Arguments): number[] {
  return "range" in args ? Array.from({ length: args.range }, (_, i) => i) : [...args.list];
}

export function sumOf(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
