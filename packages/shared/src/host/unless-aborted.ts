/**
 * Gives what the promise gives, unless the signal fires first. Nobody is told then what the promise comes to.
 *
 * @throws the signal's reason
 */
export async function unlessAborted<V>(signal: AbortSignal, promise: Promise<V>): Promise<V> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  promise.catch(() => {});
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
