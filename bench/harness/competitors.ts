/** The competitors, and what each needs. */

export interface Program {
  /** Name in tables. */
  readonly title: string;
  /** File in bench/competitors. */
  readonly file: string;
  /** Python modules without which it does not run. */
  readonly modules?: readonly string[];
  /** How to get them, where there is a package. */
  readonly install?: string;
}

export const PROGRAMS = {
  poolmq: { title: "poolmq", file: "poolmq.ts" },
  poolmqMemory: { title: "poolmq without Redis", file: "poolmq-memory.ts" },
  poolmqThreads: { title: "poolmq's ThreadPool", file: "poolmq-threads.ts" },
  poolmqInserts: { title: "poolmq, inserting rows", file: "poolmq-inserts.ts" },
  poolmqProducer: { title: "a poolmq producer", file: "poolmq-producer.ts" },
  poolmqMachine: { title: "a poolmq machine", file: "poolmq-machine.ts" },
  handWritten: { title: "hand-written BullMQ", file: "hand-written.ts" },
  sandboxed: { title: "BullMQ, sandboxed", file: "sandboxed.ts" },
  piscina: { title: "Piscina", file: "piscina.ts" },
  cpython: { title: "CPython's Pool", file: "cpython.py", modules: ["multiprocessing"] },
  celery: {
    title: "Celery",
    file: "celery_group.py",
    modules: ["celery", "redis"],
    install: "apt-get install python3-celery python3-redis",
  },
  dask: {
    title: "Dask",
    file: "dask_cluster.py",
    modules: ["distributed"],
    install: "apt-get install python3-distributed",
  },
  bareNode: { title: "bare Node (no queue)", file: "bare-node.ts" },
  redisLists: { title: "Redis lists (floor)", file: "redis-lists.ts" },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;
