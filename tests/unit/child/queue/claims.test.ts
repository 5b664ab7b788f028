import { describe, expect, test } from "vitest";

import {
  claim,
  claimItems,
  cutItems,
  makeClaims,
  openItems,
  revoke,
} from "../../../../packages/worker/src/child/queue/claims.ts";

describe("the items of a run", () => {
  test("are the main thread's as far as it has claimed them, until the guard cuts the run", () => {
    const claims = makeClaims(3);
    openItems(claims, 2);
    expect(claim(claims, 2, 7)).toBe(true);
    expect(claimItems(claims, 2, 1, 4)).toBe(true);
    expect(cutItems(claims, 2, 7)).toBe(4);
    expect(claimItems(claims, 2, 4, 5)).toBe(false);
    // Asked again, the guard says the same.
    expect(cutItems(claims, 2, 7)).toBe(4);
  });

  test("can't be taken from a run that has not begun, was taken back, or has ended", () => {
    const claims = makeClaims(2);
    openItems(claims, 0);
    expect(cutItems(claims, 0, 1)).toBe(0);
    expect(revoke(claims, 0, 1)).toBe(true);
    expect(cutItems(claims, 0, 1)).toBe(0);
    openItems(claims, 0);
    expect(claim(claims, 0, 2)).toBe(true);
    expect(cutItems(claims, 0, 1)).toBe(0);
    expect(claimItems(claims, 0, 1, 2)).toBe(true);
  });

  test("of a run that begins are free again, however the one before it in the same place was cut", () => {
    const claims = makeClaims(1);
    openItems(claims, 0);
    claim(claims, 0, 1);
    expect(cutItems(claims, 0, 1)).toBe(1);
    openItems(claims, 0);
    claim(claims, 0, 2);
    expect(claimItems(claims, 0, 1, 3)).toBe(true);
  });

  test("and the places of runs are not those of items", () => {
    const claims = makeClaims(2);
    openItems(claims, 0);
    openItems(claims, 1);
    expect(claim(claims, 0, 5)).toBe(true);
    expect(claim(claims, 1, 6)).toBe(true);
    expect(cutItems(claims, 0, 5)).toBe(1);
    expect(claimItems(claims, 1, 1, 2)).toBe(true);
    expect(claim(claims, 1, 6)).toBe(true);
  });
});
