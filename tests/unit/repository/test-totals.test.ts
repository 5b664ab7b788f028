import { expect, test } from "vitest";
import { slowest } from "../../../scripts/lib/slowest.mjs";
import { addTotals, totalsLine, vitestTotals } from "../../../scripts/lib/totals.mjs";

/** What Vitest writes with `--reporter=json`, as far as it is read. */
function report(counts: object, files: readonly object[] = []): string {
  const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  return JSON.stringify({ ...none, ...counts, testResults: files });
}

test("the totals of a test run are Vitest's counts, with what is still to do among the skipped", () => {
  const text = report({ numPassedTests: 5, numFailedTests: 2, numPendingTests: 3, numTodoTests: 1 });
  expect(vitestTotals(text)).toEqual({ passed: 5, failed: 2, skipped: 4 });
});

test("a test file that broke before its first test is a failure", () => {
  const text = report({ numPassedTests: 5 }, [
    { status: "failed", assertionResults: [] },
    { status: "passed", assertionResults: [{}] },
  ]);
  expect(vitestTotals(text)).toEqual({ passed: 5, failed: 1, skipped: 0 });
});

test("the totals line sums the steps up, in plain words", () => {
  const sum = addTotals({ passed: 5, failed: 0, skipped: 1 }, { passed: 0, failed: 1, skipped: 0 });
  expect(totalsLine(sum)).toBe("5 passed, 1 failed, 1 skipped");
});

test("the slowest files and tests are told, the slowest first", () => {
  const file = (name: string, ms: number, tests: readonly number[]): object => ({
    name: `/checkout/tests/${name}.test.ts`,
    startTime: 1_000,
    endTime: 1_000 + ms,
    assertionResults: tests.map((duration, index) => ({ fullName: `test ${index}`, duration })),
  });
  const many = Array.from({ length: 25 }, () => 1);
  const lines = slowest(report({}, [file("quick", 40, many), file("slow", 5_200, [100, 5_000])])).split("\n");
  expect(lines.slice(0, 3)).toEqual([
    "The slowest files:",
    "    5.2 s  tests/slow.test.ts",
    "    0.0 s  tests/quick.test.ts",
  ]);
  expect(lines.slice(3, 6)).toEqual([
    "The slowest tests:",
    "    5.0 s  tests/slow.test.ts > test 1",
    "    0.1 s  tests/slow.test.ts > test 0",
  ]);
  expect(lines).toHaveLength(3 + 1 + 20);
});
