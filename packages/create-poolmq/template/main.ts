import { Pool } from "poolmq";
import type * as tasks from "./tasks.ts";

// On this machine, a process per core. If REDIS_URL is set, on the fleet of workers that it has.
const pool = new Pool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url) });

const ranges = Array.from({ length: 20 }, (_, i): [number, number] => [i * 50_000, (i + 1) * 50_000]);
const counts = await pool.starmap("countPrimes", ranges, { attempts: 3 });
console.log(`${counts.reduce((sum, count) => sum + count)} primes below a million`);

pool.close();
await pool.join();
