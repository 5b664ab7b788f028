import { expect, test } from "vitest";

import { Silence } from "../../../packages/shared/src/redis/silence.ts";

/** So many looks at which nothing had come; says at which of them the server counts as silent. */
function lookUntilSilent(silence: Silence, most = 40): number {
  for (let look = 1; look <= most; look++) {
    silence.look(false);
    if (silence.isSilent) return look;
  }
  return Infinity;
}

test("a server that answers at once otherwise is silent after so many looks", () => {
  const silence = new Silence(3);
  for (let answer = 0; answer < 10; answer++) {
    silence.look(false);
    silence.answered();
  }
  expect(lookUntilSilent(silence)).toBe(4);
});

test("a server that was slow before is given longer, but not for ever", () => {
  const slow = new Silence(3);
  for (let answer = 0; answer < 10; answer++) {
    expect(lookUntilSilent(slow, 2)).toBe(Infinity);
    slow.look(true);
  }
  expect(lookUntilSilent(slow)).toBeLessThanOrEqual(12);
  const verySlow = new Silence(3);
  for (let pause = 1; pause < 12; pause++) {
    lookUntilSilent(verySlow, pause);
    verySlow.answered();
  }
  expect(verySlow.isSilent).toBe(false);
  expect(lookUntilSilent(verySlow)).toBe(13);
});

test("a server that is fast again, or was away, is given no longer than others", () => {
  const silence = new Silence(3);
  lookUntilSilent(silence, 3);
  silence.look(true);
  for (let answer = 0; answer < 200; answer++) {
    silence.look(false);
    silence.answered();
  }
  expect(lookUntilSilent(silence)).toBe(4);
  lookUntilSilent(silence);
  for (let look = 0; look < 20; look++) silence.look(false);
  silence.answered();
  expect(lookUntilSilent(silence)).toBe(4);
});
