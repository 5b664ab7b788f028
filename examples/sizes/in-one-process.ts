import { progressBar } from "@poolmq/producer/progress";

import type { FoundFile } from "./find-files.ts";
import { sizes } from "./tasks.ts";
import type { FileSizes } from "./tasks.ts";

/** Does the same work in this process, one file after the other, as a program without a pool would. */
export function inOneProcess(title: string, files: readonly FoundFile[]): FileSizes[] {
  const show = progressBar(title);
  const startedAt = performance.now();
  const all: FileSizes[] = [];
  const tell = (ended: boolean): void => {
    const done = all.length;
    const rate = (done / (performance.now() - startedAt)) * 1_000;
    show({ total: files.length, done, failed: 0, running: 1, rate, timeLeftMs: undefined, ended });
  };
  for (const file of files) {
    all.push(sizes(file.path));
    tell(false);
  }
  tell(true);
  return all;
}
