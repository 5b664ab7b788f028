import { InvalidOptionError } from "@poolmq/shared";

/** Variables with the address of the queue's Redis, by which a task could reach its own queue. */
const ADDRESSES = new Set(["REDIS_URL", "POOLMQ_REDIS_URL"]);

/** Variable with the signing key, with which a task could forge jobs and outcomes. */
const SIGNING_KEY = "POOLMQ_SIGNING_KEY";

/**
 * Gives the variables that `--env` names.
 *
 * @throws InvalidOptionError if one is not set, holds the address of Redis, or the signing key
 */
export function taskEnvironment(names: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      if (ADDRESSES.has(name)) {
        throw new InvalidOptionError(
          `--env ${name} would give tasks the address of the queue's Redis. ` +
            "If they need a Redis, name its address POOLMQ_TASK_REDIS_URL.",
        );
      }
      if (name === SIGNING_KEY) {
        throw new InvalidOptionError(
          `--env ${name} would give tasks the key with which jobs are signed. If they sign things of their own, give them a key of their own.`,
        );
      }
      const value = env[name];
      if (value !== undefined) return [name, value];
      const advice = name.includes("=") ? ". Give a name only; its value is taken from the environment" : "";
      throw new InvalidOptionError(
        `Expected the variable of --env ${name.split("=")[0]} to be set, and it is not${advice}`,
      );
    }),
  );
}
