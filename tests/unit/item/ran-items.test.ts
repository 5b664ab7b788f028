import { expect, test } from "vitest";

import { RanItems } from "../../../packages/worker/src/item/ran-items.ts";

const FAILED = { ok: false, thrown: "no", retriable: true } as const;

test("what items returned is given in order, whether fewer or more of them ran than were expected", () => {
  for (const expected of [0, 2, 3, 100]) {
    const ran = new RanItems(expected);
    ran.returned("a");
    expect(ran.values).toEqual(["a"]);
    ran.add(1, FAILED);
    ran.add(5, { ok: true, value: undefined });
    expect(ran.values).toEqual(["a", undefined, undefined]);
    expect(Object.keys(ran.values)).toHaveLength(3);
    expect(ran.each()).toEqual([
      [0, { ok: true, value: "a" }],
      [1, FAILED],
      [5, { ok: true, value: undefined }],
    ]);
  }
});
