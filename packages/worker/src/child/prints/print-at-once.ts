function ignore(): void {}

/**
 * Makes printing to a pipe wait until there is room in it. Otherwise Node would keep the text in this process's memory,
 * and lose it if the process ends. There is no public API for this. Writing to a terminal or a file waits anyway.
 */
export function printAtOnce(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const { _handle } = stream as { readonly _handle?: { readonly setBlocking?: (on: boolean) => unknown } };
    _handle?.setBlocking?.(true);
    // A task may have ended it, or its reader may be gone: that is no reason for this process to die.
    stream.on("error", ignore);
  }
}
