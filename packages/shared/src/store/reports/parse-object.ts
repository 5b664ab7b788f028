/**
 * Reads an object from JSON that other processes wrote; `undefined` if it is not one, so that a damaged entry does not
 * hide the rest.
 */
export function parseObject<T extends object>(text: string): T | undefined {
  try {
    const value = JSON.parse(text) as T | null;
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
