import { expect, onTestFinished, test, vi } from "vitest";

import { isCodecSound } from "../../../packages/worker/src/item/sound-codec.ts";

test("what reads and writes values is sound until a task has broken what it uses", () => {
  expect(isCodecSound()).toBe(true);
  const slice = vi.spyOn(String.prototype, "slice").mockImplementation(() => {
    throw new Error("no string");
  });
  onTestFinished(() => slice.mockRestore());
  expect(isCodecSound()).toBe(false);
  slice.mockRestore();
  expect(isCodecSound()).toBe(true);
});
