/** What the model is asked about: a fleet, and the work that it is given. */

export interface Fleet {
  readonly producers: number;
  readonly machines: number;
  /** Processes that run tasks, on each machine. */
  readonly processes: number;
  /** Items that each of them runs at a time. */
  readonly concurrency: number;
  /** Redis servers. */
  readonly shards: number;
  /** Share of a core that each server may use: 1, unless the bench holds it down. */
  readonly redisShare: number;
  /** A server that is held down answers once in so many ms; 0 if it is not. */
  readonly redisPauseMs: number;
  /** Cores that all parts share. `Infinity`: each process has one of its own, as on machines that are sized for it. */
  readonly cores: number;
}

export interface Work {
  /** How long an item runs, waiting and not computing, in ms. */
  readonly itemMs: number;
  /** Items of a job. */
  readonly chunksize: number;
}

/** Items that the fleet runs at a time. */
export function slotsOf({ machines, processes, concurrency }: Fleet): number {
  return machines * processes * concurrency;
}
