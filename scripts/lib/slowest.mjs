/** The number of files and tests that are shown. The first few take most of a run's time. */
const SHOWN = 20;

/**
 * The part of Vitest's JSON report that is read: times in milliseconds, those of a file since 1970.
 *
 * @typedef {object} Report
 * @property {{ name: string, startTime: number, endTime: number,
 *   assertionResults: { fullName: string, duration?: number | null }[] }[]} testResults one for each file
 */

/**
 * Lists the test files and the tests that took longest.
 *
 * @param {string} report what Vitest wrote
 */
export function slowest(report) {
  const { testResults } = /** @type {Report} */ (JSON.parse(report));
  const files = testResults.map(({ name, startTime, endTime }) => ({
    what: fromTests(name),
    ms: endTime - startTime,
  }));
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, duration }) => ({
      what: `${fromTests(name)} > ${fullName}`,
      ms: duration ?? 0,
    })),
  );
  return [...table("files", files), ...table("tests", tests)].join("\n");
}

/** @param {string} file */
function fromTests(file) {
  return file.slice(file.indexOf("/tests/") + 1);
}

/**
 * @param {string} title
 * @param {readonly { what: string, ms: number }[]} rows
 */
function table(title, rows) {
  const shown = rows.toSorted((a, b) => b.ms - a.ms).slice(0, SHOWN);
  return [
    `The slowest ${title}:`,
    ...shown.map(({ what, ms }) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${what}`),
  ];
}
