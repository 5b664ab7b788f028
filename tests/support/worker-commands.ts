/** Commands of workers, as a proxy sees them. */

/** Records jobs as completed, and fetches others. */
export function isCompletion(command: readonly string[]): boolean {
  const has = (key: string): boolean => command.some((word) => word.endsWith(`:${key}`));
  return /^eval(sha)?$/i.test(command[0] ?? "") && has("prioritized") && has("stalled") && !has("limiter");
}
