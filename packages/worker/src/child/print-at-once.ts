/**
 * Makes whoever prints to a pipe wait until it is read. Otherwise Node would keep what is printed faster than that in
 * this process's memory, and lose it if the process ends. There is no public way to say so. A terminal and a file are
 * written at once anyway.
 */
export function printAtOnce(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const { _handle } = stream as { readonly _handle?: { readonly setBlocking?: (on: boolean) => unknown } };
    _handle?.setBlocking?.(true);
  }
}
