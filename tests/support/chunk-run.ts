import type { runChunk, TaskContext } from "@poolmq/worker/internal";

type ChunkRun = Parameters<typeof runChunk>[0];

type Asked = Pick<ChunkRun, "fn" | "at" | "n" | "args"> & Partial<ChunkRun>;

/** A run of a chunk in its first attempt, with no limit, share, trace or watcher of items. */
export function chunkRun({ attempt = 1, ...asked }: Asked): ChunkRun {
  return {
    task: "t",
    attempt,
    skip: new Set(),
    shares: [],
    worker: "w",
    outcomeLimit: undefined,
    keepStack: undefined,
    stop: { isStopped: false },
    trace: undefined,
    onItemEnd: undefined,
    context: (index) => ({ index, mapId: "m", attempt }) as TaskContext,
    ...asked,
  };
}
