import { patienceFor } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

test("outcomes are read at once unless enough work waits", () => {
  expect(patienceFor(0)).toBe(0);
  expect(patienceFor(20)).toBe(0);
});

test("outcomes wait for a quarter of the work that waits, and never long", () => {
  expect(patienceFor(200)).toBe(50);
  expect(patienceFor(60_000)).toBe(100);
});
