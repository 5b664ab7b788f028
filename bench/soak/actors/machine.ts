/** A worker machine of the soak, in a process of its own. argv: the options of `runWorker`, as JSON; a file to log to. */

import { runWorker } from "@poolmq/worker";
import type { WorkerOptions } from "@poolmq/worker";
import { pino } from "pino";

import { listen, say } from "./in-actor.ts";

const [, , options = "{}", log] = process.argv;
const machine = await runWorker({
  ...(JSON.parse(options) as WorkerOptions),
  ...(log === undefined
    ? {}
    : { logger: pino({ level: "warn" }, pino.destination({ dest: log, sync: true })) }),
});
listen(() => void machine.close());
process.on("SIGTERM", () => void machine.close());
say({ t: "ready" });
await machine.closed;
process.exit(0);
