import { expect, test } from "vitest";

import { MapColors } from "../../../packages/worker/page/map-colors.js";

/** Their ids would all have the same colour if they were alone. */
const ALIKE = Array.from({ length: 1_000 }, (_, i) => `map-${i}`).filter(
  (id) => new MapColors().of(id, () => undefined) === "c0",
);

function idsOfOneColor(count: number): string[] {
  return ALIKE.slice(0, count);
}

test("maps that have not ended have colours of their own, also before their producers tell of them", () => {
  const colors = new MapColors();
  const states = new Map<string, string>();
  const stateOf = (id: string): string | undefined => states.get(id);
  const ids = idsOfOneColor(8);
  expect(new Set(ids.map((id) => colors.of(id, stateOf))).size).toBe(8);
  // As they were, once they are told of.
  for (const id of ids) states.set(id, "running");
  expect(new Set(ids.map((id) => colors.of(id, stateOf))).size).toBe(8);
});

test("a map has the same colour in a page that was loaded again, and one that has ended keeps none from others", () => {
  const [first = "", second = ""] = idsOfOneColor(2);
  const colors = new MapColors();
  expect(colors.of(first, () => "done")).toBe("c0");
  expect(colors.of(second, () => "done")).toBe("c0");
  expect(new MapColors().of(second, () => "running")).toBe("c0");
});

test("maps that are neither told of nor seen are forgotten", () => {
  const [first = "", second = "", third = ""] = idsOfOneColor(3);
  const colors = new MapColors();
  const stateOf = (): undefined => undefined;
  colors.of(first, stateOf);
  const color = colors.of(second, stateOf);
  colors.forget({ stateOf, seen: () => [second] });
  expect(colors.of(second, stateOf)).toBe(color);
  expect(colors.of(third, stateOf)).toBe("c0");
});
