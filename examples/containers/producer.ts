/** The producer of docker/compose.yaml: counts primes on the workers, and shows how many of them took part. */

import { Pool } from "@poolmq/producer";

import type * as tasks from "./tasks.ts";

const LIMIT = Number(process.env["PRIMES_BELOW"] ?? 10_000_000);
const PARTS = 200;

await using pool = new Pool<typeof tasks>(); // reads POOLMQ_REDIS_URL
await pool.ready(Number(process.env["MIN_WORKERS"] ?? 1));
const step = LIMIT / PARTS;
const parts = Array.from(
  { length: PARTS },
  (_, i) => [Math.floor(i * step), Math.floor((i + 1) * step)] as const,
);
const started = performance.now();
const counts = await pool.starmap("countPrimes", parts);

const primes = counts.reduce((sum, part) => sum + part.primes, 0);
const seconds = ((performance.now() - started) / 1_000).toFixed(1);
console.log(`${primes} primes below ${LIMIT}, in ${seconds} s`);
for (const host of [...new Set(counts.map((part) => part.host))].sort()) {
  console.log(`  ${host} did ${counts.filter((part) => part.host === host).length} of ${PARTS} parts`);
}
