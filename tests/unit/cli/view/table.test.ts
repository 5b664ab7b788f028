import { table } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

const ROWS = [{ id: "6cbdaa90935592309b", task: "thumbnail", state: "unattended", done: "10/40  25%" }];
const COLUMNS = [
  { title: "MAP", cell: ({ id }: (typeof ROWS)[number]) => id, shrinkTo: 14 },
  { title: "TASK", cell: ({ task }: (typeof ROWS)[number]) => task, shrinkTo: 9 },
  { title: "STATE", cell: ({ state }: (typeof ROWS)[number]) => state },
  { title: "DONE", align: "right" as const, cell: ({ done }: (typeof ROWS)[number]) => done },
  { title: "LEFT", cell: () => "1 min", optional: 1 },
];

test("where nobody looks at a terminal, all of it is there", () => {
  expect(table(ROWS, COLUMNS, Infinity)[1]).toBe(
    "6cbdaa90935592309b  thumbnail  unattended  10/40  25%  1 min",
  );
});

test.each([
  [56, "6cbdaa9093559…  thumbnail  unattended  10/40  25%  1 min"],
  [50, "6cbdaa90935592…  thumbnail  unattended  10/40  25%"],
  [40, "6cbdaa…  thumbn…  unattended  10/40  25%"],
])("on a terminal of %i columns, columns are left out, then names are cut", (width, line) => {
  const shown = table(ROWS, COLUMNS, width);
  expect(shown[1]).toBe(line);
  for (const { length } of shown) expect(length).toBeLessThanOrEqual(width);
});
