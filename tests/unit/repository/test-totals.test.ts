import { expect, test } from "vitest";
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
