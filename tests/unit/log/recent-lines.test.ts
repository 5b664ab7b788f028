import { RecentLines } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

test("keeps the last lines, and the number of the first of them", () => {
  const recent = new RecentLines();
  expect(recent.from(0)).toEqual({ no: 0, lines: [] });
  for (let i = 0; i < 700; i++) recent.add(String(i));
  expect(recent.from(698)).toEqual({ no: 698, lines: ["698", "699"] });
  const { no, lines } = recent.from(0);
  expect([no, lines.length, lines[0]]).toEqual([200, 500, "200"]);
  expect(recent.from(700)).toEqual({ no: 700, lines: [] });
});

test("keeps no more characters than are told at a time, and one line however long it is", () => {
  const recent = new RecentLines();
  for (let i = 0; i < 10; i++) recent.add("x".repeat(20_000));
  expect(recent.from(0)).toMatchObject({ no: 7 });
  recent.add("y".repeat(200_000));
  expect(recent.from(0)).toMatchObject({ no: 10, lines: [expect.stringMatching(/^y+$/)] });
});
