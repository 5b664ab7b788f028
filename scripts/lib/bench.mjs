import { findRedis, HOW_TO_INSTALL } from "./find-redis.mjs";
import { ROOT } from "./places.mjs";
import { run } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";
import { pathFirst } from "./toolchain.mjs";

/**
 * `npm run bench`: builds the packages, because users run the built files, and measures them.
 *
 * @param {import("./toolchain.mjs").Toolchain} toolchain
 * @param {readonly string[]} args
 */
export async function runBench({ node, env }, args) {
  const redis = await findRedis();
  if (redis === undefined) throw new SetupError(HOW_TO_INSTALL);
  const built = await run(node, ["scripts/build.mjs"], { env });
  if (built.code !== 0) return built.code;
  const benchEnv = redis === "" ? env : pathFirst(env, [redis]);
  return (await run(node, [`${ROOT}/bench/main.ts`, ...args], { env: benchEnv })).code;
}
