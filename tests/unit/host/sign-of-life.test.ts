import { expect, test } from "vitest";

import { SignOfLife } from "../../../packages/worker/src/host/sign-of-life.ts";

test("a host that says something, or has nothing to do, is not asked", () => {
  const life = new SignOfLife();
  for (let tick = 0; tick < 100; tick++) {
    life.heard();
    expect(life.tick(true)).toBe("none");
    expect(life.tick(false)).toBe("none");
  }
});

test("one that computes may be silent for ever, as long as its guard answers", () => {
  const life = new SignOfLife();
  expect(life.tick(true)).toBe("ask");
  const looks: number[] = [];
  for (let tick = 1; tick < 1_000; tick++) {
    life.guardHeard(7);
    const silence = life.tick(true);
    if (silence === "computes") looks.push(tick);
    else expect(silence).toBe("wait");
  }
  // It is looked at seldomer and seldomer what computes.
  expect(looks).toEqual([4, 7, 13, 25, 49, 97, 193, 385, 769]);
});

test("one whose event loop turns and that does not answer is deaf", () => {
  const life = new SignOfLife();
  const silences: string[] = [];
  for (let turns = 100; silences.at(-1) !== "deaf" && silences.length < 20; turns += 4) {
    silences.push(life.tick(true));
    life.guardHeard(turns);
  }
  expect(silences).toEqual(["ask", "wait", "wait", "wait", "wait", "deaf"]);
});

test("turns of the time before it was asked do not count", () => {
  const life = new SignOfLife();
  life.tick(true);
  life.guardHeard(1);
  life.heard();
  life.tick(true);
  life.guardHeard(2); // late
  expect(life.tick(true)).toBe("ask");
  life.guardHeard(10_000);
  expect(life.tick(true)).toBe("wait");
});

test("one whose guard is silent too is given up after half a minute", () => {
  const life = new SignOfLife();
  const silences = Array.from({ length: 32 }, () => life.tick(true));
  expect(silences.slice(0, 2)).toEqual(["ask", "wait"]);
  expect(silences.at(-2)).toBe("wait");
  expect(silences.at(-1)).toBe("gone");
});
