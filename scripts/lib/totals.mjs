/** @typedef {{ passed: number, failed: number, skipped: number }} Totals */

/**
 * @typedef {object} VitestReport the part of it that counts
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ status: string, assertionResults: unknown[] }[]} testResults one for each file
 */

/**
 * Counts of Vitest's JSON report. A `todo` test counts as skipped; a file that failed before its first test counts as one
 * failure.
 *
 * @param {string} report
 * @returns {Totals}
 */
export function vitestTotals(report) {
  const counts = /** @type {VitestReport} */ (JSON.parse(report));
  const brokenFiles = counts.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  return {
    passed: counts.numPassedTests,
    failed: counts.numFailedTests + brokenFiles.length,
    skipped: counts.numPendingTests + counts.numTodoTests,
  };
}

/** @param {Totals} a @param {Totals} b @returns {Totals} */
export function addTotals(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** @param {Totals} totals */
export function totalsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
