/** What poolmq costs on one machine, as `measure-costs.ts` measured it. All that the model knows of the real thing. */

/** Machines that are measured while items come to them one by one. */
export const SLOW_MACHINES = 8;

/** What a fleet is made of. */
export const PARTS = ["producer", "supervisor", "child", "redis"] as const;
export type Part = (typeof PARTS)[number];

/** CPU time of one part, in µs. */
export interface PartCost {
  /** For each job, without its turn. May be below 0 (see `parts-of.ts`). */
  readonly jobUs: number;
  /** For each item of a job. */
  readonly itemUs: number;
  /** For each turn: waking up, reading and writing, which jobs that come together share. */
  readonly turnUs: number;
}

export interface Costs {
  readonly producer: PartCost;
  readonly supervisor: PartCost;
  readonly child: PartCost;
  /** Its turns are those of producers and machines, each of which sends it something. */
  readonly redis: PartCost;
  /** What each part needs more for a job, in µs of CPU time, while maps of several producers share the queue and take turns. */
  readonly sharedJobUs: Readonly<Record<Part, number>>;
  /**
   * CPU time that a server uses up each time when it may run again after it was held down, in µs, before it is as fast as one
   * that ran all the time: others have used the core's caches meanwhile.
   */
  readonly coldStartUs: number;
  /** If all cores are busy, jobs that come within this many ms of a turn's first job share that turn. */
  readonly turnMs: number;
  /** Jobs that share a turn on average, if as many come as possible. */
  readonly mostTogether: number;
  /**
   * Share of all cores that the parts used while nothing else limited them. The rest is lost where one part waits for another,
   * and to other programs.
   */
  readonly usableShare: number;
  /** CPU time in each second of a machine that has nothing to do, in µs: its supervisor's, and Redis's for it. */
  readonly idleMachine: { readonly supervisorUs: number; readonly redisUs: number };
  /** CPU time in each second of a map that waits for its items, in µs: its producer's, and Redis's for it. */
  readonly waitingMap: { readonly producerUs: number; readonly redisUs: number };
  /** One call of `apply` on a fleet of one idle machine, median, in ms. */
  readonly callMs: number;
  /** From the end of an item until the next begins in its place, in ms, where more of them wait. */
  readonly gapMs: number;
  readonly memory: MemoryCosts;
  /** Connections to each server. */
  readonly connections: { readonly producer: number; readonly machine: number };
}

export interface MemoryCosts {
  /** Resident sets, with nothing to do, in MiB. */
  readonly producerMiB: number;
  readonly supervisorMiB: number;
  readonly childMiB: number;
  readonly redisMiB: number;
  /** What a producer keeps of each item of a `map` (a number), in bytes. */
  readonly resultBytes: number;
  /** What Redis keeps of a job that waits, its argument a number, in bytes. */
  readonly jobBytes: number;
  /** What Redis keeps for a machine, its connections included, in KiB. */
  readonly machineKiB: number;
}
