import { expect, test } from "vitest";

import { allocate, free, lend, release } from "../../../packages/shared/src/values/memory.ts";

const BYTES = 100_003;

test("memory that was freed is the next value's of its size, and empty for those who had it", () => {
  const first = allocate(BYTES).fill("freed before");
  free(first);
  expect(first).toHaveLength(0);
  expect(allocate(BYTES + 1)).not.toHaveLength(BYTES);
  const second = allocate(BYTES);
  expect(second).toHaveLength(BYTES);
  expect(second.toString("latin1", 0, 12)).toBe("freed before");
  expect(allocate(BYTES).buffer).not.toBe(second.buffer);
});

test("memory that is being written is freed only after that", () => {
  const value = allocate(BYTES);
  const ends = [lend(value), lend(value)];
  for (const end of ends) {
    free(value);
    release(value);
    expect(value).toHaveLength(BYTES);
    end();
  }
  free(value);
  expect(value).toHaveLength(0);
});

test("a part of other memory is not freed", () => {
  const whole = Buffer.alloc(BYTES);
  free(whole.subarray(1));
  release(whole.subarray(0, 10));
  expect(whole).toHaveLength(BYTES);
  release(whole);
  expect(whole).toHaveLength(0);
  free(whole);
  const shared = Buffer.from(new SharedArrayBuffer(BYTES));
  free(shared);
  expect(shared).toHaveLength(BYTES);
});
