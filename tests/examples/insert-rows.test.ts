import { expect, test } from "vitest";

import { runExample } from "./example.ts";

test("rows are inserted in batches, and one that is refused fails alone", async () => {
  const { code, output } = await runExample("insert-rows/main.ts", { args: ["30"] });
  expect(output).toContain("row 30: UNIQUE constraint failed: people.id\n120 people\n");
  expect(code).toBe(0);
});
