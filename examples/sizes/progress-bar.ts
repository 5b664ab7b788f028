import { Presets, SingleBar } from "cli-progress";

import type { FoundFile } from "./find-files.ts";

/**
 * A progress bar over files that are worked on in the order given. It counts bytes, because a file of megabytes takes
 * a thousand times as long as one of kilobytes. Where stderr is no terminal it shows nothing.
 */
export class ProgressBar implements Disposable {
  readonly #bar: SingleBar;
  readonly #files: number;
  /** Bytes of the first `n` files, for each `n`. */
  readonly #bytesOfFirst: readonly number[];

  constructor(title: string, files: readonly FoundFile[]) {
    let bytes = 0;
    this.#bytesOfFirst = [0, ...files.map((file) => (bytes += file.bytes))];
    this.#files = files.length;
    this.#bar = new SingleBar(
      {
        format: `${title} {bar} {percentage} %  {done} of ${files.length.toLocaleString("en")} files  {duration} s`,
        barsize: 24,
        hideCursor: null,
        // Nothing of the terminal's state is changed, so there is nothing to restore after Ctrl-C.
        linewrap: true,
        autopadding: true,
      },
      Presets.shades_classic,
    );
    this.#bar.start(bytes, 0, { done: 0 });
  }

  /** @param done how many files are done */
  update(done: number): void {
    this.#bar.update(this.#bytesOfFirst[done] ?? 0, { done: done.toLocaleString("en") });
  }

  /** Shows all files as done. */
  finish(): void {
    this.update(this.#files);
  }

  [Symbol.dispose](): void {
    this.#bar.stop();
  }
}
