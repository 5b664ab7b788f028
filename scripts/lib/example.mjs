import { findRedis, HOW_TO_INSTALL } from "./find-redis.mjs";
import { onPath } from "./on-path.mjs";
import { redisFromDocker } from "./redis-from-docker.mjs";
import { run } from "./run.mjs";
import { SetupError } from "./setup-error.mjs";
import { pathFirst } from "./toolchain.mjs";

/**
 * `npm start`: runs the example from the sources, with no build.
 *
 * @param {import("./toolchain.mjs").Toolchain} toolchain
 * @param {readonly string[]} args
 */
export async function runExample({ node, env }, args) {
  const redis = await redisForExample(env);
  try {
    const script = ["--conditions=@poolmq/source", "examples/sizes/main.ts", ...args];
    return (await run(node, script, { env: redis.env })).code;
  } finally {
    await redis.stop?.();
  }
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ env: NodeJS.ProcessEnv, stop?: () => Promise<void> }>}
 */
async function redisForExample(env) {
  // The caller has a Redis, whose address the pool reads itself.
  if (env["POOLMQ_REDIS_URL"] || env["REDIS_URL"]) return { env };
  const folder = await findRedis();
  if (folder !== undefined) return { env: folder === "" ? env : pathFirst(env, [folder]) };
  const docker = onPath("docker");
  if (!docker) throw new SetupError(HOW_TO_INSTALL);
  const redis = await redisFromDocker(docker);
  return { env: { ...env, POOLMQ_REDIS_URL: redis.url }, stop: () => redis.stop() };
}
