/** Reads an async iterable to its end. */
export async function collect<V>(values: AsyncIterable<V>): Promise<V[]> {
  const collected: V[] = [];
  for await (const value of values) collected.push(value);
  return collected;
}
