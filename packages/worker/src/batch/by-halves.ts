/**
 * Finds the items for which a function throws: calls it for all of them and, where it throws, for each half, down to
 * single items. One such item among n costs about 2 × log2(n) additional calls.
 *
 * @param call - calls the function for a part of the items, never for none. Gives whether that part is to be halved
 */
export async function byHalves<V>(
  items: readonly V[],
  call: (part: readonly V[]) => Promise<boolean>,
): Promise<void> {
  if (items.length === 0 || !(await call(items)) || items.length === 1) return;
  const middle = Math.ceil(items.length / 2);
  // One after the other: a task's function is called no more than once at a time for each place of its worker.
  await byHalves(items.slice(0, middle), call);
  await byHalves(items.slice(middle), call);
}
