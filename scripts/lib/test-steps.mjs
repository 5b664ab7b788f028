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

/** The static checks come first: they take seconds and find the most. */
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

  let totals = { passed: 0, failed: 0, skipped: 0 };
  for (const step of steps) {
    if (step.name === "vitest" && totals.failed > 0) {
      console.log("\n== Tests: not run, because of what failed above");
      break;
    }
    console.log(`\n== ${step.title}`);
    const started = performance.now();
    const stepArgs = step.name === "vitest" ? [...step.args, ...vitestArgs] : step.args;
    await rm(REPORT, { force: true });
    const { code } = await run(`${ROOT}/node_modules/.bin/${step.program}`, stepArgs, { env: stepEnv });
    if (interruptedBy() !== undefined) return 1;
    totals = addTotals(totals, await stepTotals(code));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (step.name === "vitest" && vitestArgs.length === 0 && existsSync(REPORT)) {
      console.log(slowest(await readFile(REPORT, "utf8")));
    }
    console.log(`== ${step.title}: ${code === 0 ? "ok" : "FAILED"} (${seconds} s)`);
  }
  console.log(`\n${totalsLine(totals)}`);
  return totals.failed === 0 ? 0 : 1;
}

/**
 * @param {number} code the step's exit code
 * @returns {Promise<import("./totals.mjs").Totals>}
 */
async function stepTotals(code) {
  const counts = existsSync(REPORT)
    ? vitestTotals(await readFile(REPORT, "utf8"))
    : { passed: 0, failed: 0, skipped: 0 };
  // A check has no counts, and Vitest can fail with no failed test: an error outside of all tests, or no test found.
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
