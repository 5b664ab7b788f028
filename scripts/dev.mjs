/**
 * `npm start`, `npm test` and `npm run bench`, on a machine where nothing was set up: fetches what is missing, says so,
 * and runs.
 *
 *   node scripts/dev.mjs start [arguments of the example]
 *   node scripts/dev.mjs test [--only types,lint,format,knip,vitest] [arguments of Vitest]
 *   node scripts/dev.mjs bench [--quick] [--only 1,5] [--publish]
 *   node scripts/dev.mjs exec <command…>     any command, with the project's Node, pnpm and Redis server on PATH
 *
 * Runs on any Node from 20 on and depends on no package, because it runs before there are any. Nothing is installed on
 * the system: everything that it fetches is in `.cache/` and `node_modules/` (with one exception, Homebrew's Redis on
 * macOS).
 */
import { runBench } from "./lib/bench.mjs";
import { ensureDependencies } from "./lib/dependencies.mjs";
import { runExample } from "./lib/example.mjs";
import { findRedis } from "./lib/find-redis.mjs";
import { interruptedBy, run } from "./lib/run.mjs";
import { SetupError } from "./lib/setup-error.mjs";
import { runTests } from "./lib/test-steps.mjs";
import { ensureToolchain, pathFirst } from "./lib/toolchain.mjs";

/** Shells report a process that a signal ended as 128 plus the signal's number. */
const SIGNAL_EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** @returns {Promise<number>} the exit code */
async function main() {
  const [command, ...args] = process.argv.slice(2);
  if (command !== "start" && command !== "test" && command !== "bench" && command !== "exec") {
    throw new SetupError(`expected start, test, bench or exec, got ${command ?? "nothing"}`);
  }
  const toolchain = await ensureToolchain();
  await ensureDependencies(toolchain);
  if (command === "start") return runExample(toolchain, args);
  if (command === "test") return runTests(toolchain, args);
  if (command === "bench") return runBench(toolchain, args);
  const [program, ...programArgs] = args;
  if (program === undefined) throw new SetupError("exec: expected a command");
  const redis = await findRedis();
  const env = redis ? pathFirst(toolchain.env, [redis]) : toolchain.env;
  return (await run(program, programArgs, { env })).code;
}

try {
  const code = await main();
  const signal = interruptedBy();
  process.exitCode = signal === undefined ? code : SIGNAL_EXIT_CODES[signal];
} catch (error) {
  const signal = interruptedBy();
  if (signal !== undefined) {
    process.exitCode = SIGNAL_EXIT_CODES[signal];
  } else if (error instanceof SetupError) {
    console.error(`poolmq: ${error.message}`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
