import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { findRedis, HOW_TO_INSTALL } from "./find-redis.mjs";
import { CACHE, ROOT } from "./places.mjs";
import { interruptedBy, run } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";
import { pathFirst } from "./toolchain.mjs";
import { slowest } from "./slowest.mjs";
import { addTotals, totalsLine, vitestTotals } from "./totals.mjs";

const REPORT = `${CACHE}/vitest.json`;

/**
 * The folder of Node's compile cache. The tests start thousands of processes and threads from the sources; without it,
 * each would strip the types of the same files again, which takes three quarters of its start.
 */
const COMPILED = `${CACHE}/compiled`;

/** The static checks come first, all at once: they take seconds and find the most. */
const STEPS = [
  { name: "types", title: "Types", program: "tsc", args: ["-b"] },
  { name: "lint", title: "Lint", program: "oxlint", args: [] },
  { name: "format", title: "Format", program: "oxfmt", args: ["--check"] },
  { name: "knip", title: "Unused code", program: "knip", args: ["--no-progress"] },
  {
    name: "vitest",
    title: "Tests",
    program: "vitest",
    args: ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`],
  },
];

/**
 * `npm test`: the static checks, then, if they all hold, the tests. The last line is the totals, alone: the tests'
 * counts, plus one failure for each check that failed.
 *
 * @param {import("./toolchain.mjs").Toolchain} toolchain
 * @param {readonly string[]} args
 */
export async function runTests({ env }, args) {
  const { steps, vitestArgs } = chosenSteps(args);
  const redis = steps.some(({ name }) => name === "vitest") ? await findRedis() : "";
  if (redis === undefined) throw new SetupError(HOW_TO_INSTALL);
  const stepEnv = { ...(redis === "" ? env : pathFirst(env, [redis])), NODE_COMPILE_CACHE: COMPILED };
  // Nothing else removes entries of files that no longer exist, such as those in tests' temporary folders.
  if (args.length === 0) await rm(COMPILED, { recursive: true, force: true });

  const checks = steps.filter(({ name }) => name !== "vitest");
  // Side by side: the compiler waits for one project after the other, and the others fill the second core meanwhile.
  const codes = await Promise.all(checks.map((step) => runCheck(step, stepEnv)));
  let totals = { passed: 0, failed: codes.filter((code) => code !== 0).length, skipped: 0 };
  const tests = steps.find(({ name }) => name === "vitest");
  if (interruptedBy() !== undefined) return 1;
  if (tests !== undefined && totals.failed > 0) {
    console.log(`\n== ${tests.title}: not run, because of what failed above`);
  } else if (tests !== undefined) {
    console.log(`\n== ${tests.title}`);
    await rm(REPORT, { force: true });
    const started = performance.now();
    const { code } = await run(programOf(tests), [...tests.args, ...vitestArgs], { env: stepEnv });
    if (interruptedBy() !== undefined) return 1;
    totals = addTotals(totals, await testTotals(code));
    if (vitestArgs.length === 0 && existsSync(REPORT)) console.log(slowest(await readFile(REPORT, "utf8")));
    console.log(resultLine(tests, code, started));
  }
  console.log(`\n${totalsLine(totals)}`);
  return totals.failed === 0 ? 0 : 1;
}

/**
 * Runs a static check, and prints all that it said once it has ended. Gives its exit code.
 *
 * @param {(typeof STEPS)[number]} step
 * @param {NodeJS.ProcessEnv} env
 */
async function runCheck(step, env) {
  const started = performance.now();
  const colors = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const { code, output } = await run(programOf(step), step.args, { env: { ...env, ...colors }, quiet: true });
  if (interruptedBy() === undefined) {
    console.log(`\n== ${step.title}\n${output}${resultLine(step, code, started)}`);
  }
  return code;
}

/** @param {(typeof STEPS)[number]} step */
function programOf({ program }) {
  return `${ROOT}/node_modules/.bin/${program}`;
}

/**
 * @param {(typeof STEPS)[number]} step
 * @param {number} code the step's exit code
 * @param {number} started when it began, on the clock of `performance.now()`
 */
function resultLine({ title }, code, started) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  return `== ${title}: ${code === 0 ? "ok" : "FAILED"} (${seconds} s)`;
}

/**
 * @param {number} code Vitest's exit code
 * @returns {Promise<import("./totals.mjs").Totals>}
 */
async function testTotals(code) {
  const counts = existsSync(REPORT)
    ? vitestTotals(await readFile(REPORT, "utf8"))
    : { passed: 0, failed: 0, skipped: 0 };
  // Vitest can fail with no failed test: an error outside of all tests, or no test found.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/**
 * `--only a,b` picks steps. Any other argument is Vitest's, and means that only the tests are wanted.
 *
 * @param {readonly string[]} args
 */
function chosenSteps(args) {
  const at = args.indexOf("--only");
  const names = at < 0 ? undefined : (args[at + 1] ?? "").split(",");
  const vitestArgs = at < 0 ? args : args.toSpliced(at, 2);
  const known = STEPS.map(({ name }) => name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new SetupError(`--only: expected ${known.join(", ")}, got ${unknown || "nothing"}`);
  const wanted = names ?? (vitestArgs.length > 0 ? ["vitest"] : known);
  return { steps: STEPS.filter(({ name }) => wanted.includes(name)), vitestArgs };
}
