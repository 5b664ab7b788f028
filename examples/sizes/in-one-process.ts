import type { FoundFile } from "./find-files.ts";
import { ProgressBar } from "./progress-bar.ts";
import { sizes } from "./tasks.ts";
import type { FileSizes } from "./tasks.ts";

/** Does the same work here, one file after the other: what a program without a pool does. */
export function inOneProcess(title: string, files: readonly FoundFile[]): FileSizes[] {
  using bar = new ProgressBar(title, files);
  const all = files.map((file, index) => {
    bar.update(index);
    return sizes(file.path);
  });
  bar.finish();
  return all;
}
