import { onTestFailed } from "vitest";

/** Names the seed of a run to be replayed. */
const VARIABLE = "POOLMQ_FAULT_SEED";

/** Gives the seed of a test's random schedule, a new one in each run; if the test fails, says how to replay it. */
export function faultSeed(): number {
  const given = process.env[VARIABLE];
  const seed = given === undefined ? Math.floor(Math.random() * 1e6) : Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`Expected ${VARIABLE} to be an integer, got ${given}`);
  console.log(`fault seed ${seed}`);
  onTestFailed(() =>
    console.error(`The same schedule again: ${VARIABLE}=${seed} npm test -- --project faults`),
  );
  return seed;
}
