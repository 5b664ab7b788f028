/** Reads an object from JSON that others wrote: what can't be understood does not stop the rest from being seen. */
export function parseObject<T extends object>(text: string): T | undefined {
  try {
    const value = JSON.parse(text) as T | null;
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
