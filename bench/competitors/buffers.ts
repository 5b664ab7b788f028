import { randomBytes } from "node:crypto";

/** Buffers that differ, of bytes that do not compress. */
export function buffersOf({ count, bytes }: { readonly count: number; readonly bytes: number }): Buffer[] {
  return Array.from({ length: count }, () => randomBytes(bytes));
}

/** @throws Error if they are not the same, in this order */
export function checkBuffers(got: readonly Buffer[], expected: readonly Buffer[]): void {
  const same =
    got.length === expected.length && got.every((buffer, i) => buffer.equals(expected[i] ?? buffer));
  if (!same) throw new Error("Expected the buffers that were sent, got others");
}
