const MIB = 1024 * 1024;

export interface RetireLimits {
  /** Items that a host runs before it is replaced; 0 for no limit. */
  readonly maxTasksPerChild: number;
  /** Memory above which a host is replaced between items, in MiB; 0 for no limit. */
  readonly maxMemoryPerChildMb: number;
}

/**
 * The limit that a host has reached, so that it is to be replaced; `undefined` if it may go on. @param rss - its memory,
 * if it was read
 */
export function retireReason(
  { maxTasksPerChild, maxMemoryPerChildMb }: RetireLimits,
  items: number,
  rss: number | undefined,
): keyof RetireLimits | undefined {
  if (maxTasksPerChild > 0 && items >= maxTasksPerChild) return "maxTasksPerChild";
  const isLarge = maxMemoryPerChildMb > 0 && rss !== undefined && rss > maxMemoryPerChildMb * MIB;
  return isLarge ? "maxMemoryPerChildMb" : undefined;
}
