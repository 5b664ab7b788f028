import { DonePages } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

const MILLION = 2 ** 20;

test("pages are past once no chunk of them is under way, whatever is under way in earlier ones", () => {
  const pages = new DonePages();
  pages.came(5);
  pages.came(MILLION);
  expect(pages.takePast(() => [])).toEqual([]);
  for (const page of [2, 3, 2 ** 33]) pages.came(page * MILLION + 7);
  // The first item of all has not ended, nor has one of the third page.
  expect(pages.takePast(() => [0, 3 * MILLION])).toEqual([1, 2]);
  expect(pages.takePast(() => [0])).toEqual([3]);
  expect(pages.takePast(() => [0])).toEqual([]);
  expect(pages.all).toEqual([2 ** 33]);
});
