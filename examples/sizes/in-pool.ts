import { Pool } from "@poolmq/producer";
import { progressBar } from "@poolmq/producer/progress";

import type { FoundFile } from "./find-files.ts";
import type * as tasks from "./tasks.ts";
import type { FileSizes } from "./tasks.ts";

/** A file of at least this size is a job of its own; its compression takes longer than a job's way through Redis. */
const LARGE_BYTES = 64 * 1024;
/** Number of small files in one job: sent one by one, they would take longer to travel than to compress. */
const SMALL_FILES_PER_JOB = 32;

/**
 * Does the work with a pool of worker processes on this machine.
 *
 * @param files the largest first
 * @param connection where the queue is
 * @returns a result per file, in the order of the files
 */
export async function inPool(
  title: string,
  files: readonly FoundFile[],
  processes: number,
  connection: "embedded" | "memory",
): Promise<FileSizes[]> {
  const module = new URL("./tasks.ts", import.meta.url);
  await using pool = new Pool<typeof tasks>({ tasks: module, processes, connection });
  const paths = files.map((file) => file.path);
  const largeFiles = files.filter((file) => file.bytes >= LARGE_BYTES).length;
  // If stderr is not a terminal, no bars are drawn.
  const large = pool.map("sizes", paths.slice(0, largeFiles), {
    onProgress: progressBar(`${title.trimEnd()}, large files`),
  });
  const small = pool.map("sizes", paths.slice(largeFiles), {
    chunksize: SMALL_FILES_PER_JOB,
    onProgress: progressBar(`${title.trimEnd()}, small files`),
  });
  return (await Promise.all([large, small])).flat();
}
