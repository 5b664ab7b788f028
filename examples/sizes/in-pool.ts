import { Pool } from "@poolmq/producer";

import type { FoundFile } from "./find-files.ts";
import { ProgressBar } from "./progress-bar.ts";
import type * as tasks from "./tasks.ts";
import type { FileSizes } from "./tasks.ts";

/** How often the progress bar is brought up to date. */
const PROGRESS_MS = 100;

/** Does the work with a pool of worker processes on this machine; a result per file, in the order of the files. */
export async function inPool(
  title: string,
  files: readonly FoundFile[],
  processes: number,
): Promise<FileSizes[]> {
  await using pool = new Pool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url), processes });
  const result = pool.map(
    "sizes",
    files.map((file) => file.path),
  );

  using bar = new ProgressBar(title, files);
  const timer = setInterval(() => bar.update(result.progress.done), PROGRESS_MS);
  try {
    const all = await result;
    bar.finish();
    return all;
  } finally {
    clearInterval(timer);
  }
}
