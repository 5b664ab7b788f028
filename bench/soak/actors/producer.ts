/** A producer of the soak, in a process of its own: one map after the other. argv: `ProducerOptions` as JSON; a file to log to. */

import { pino } from "pino";

import { Calls } from "../work/calls.ts";
import { Tally } from "../work/tally.ts";
import { endsEarly, workload } from "../work/workload.ts";
import { listen, say, tellUsage } from "./in-actor.ts";
import { makePool } from "./make-pool.ts";
import type { ProducerOptions } from "./messages.ts";

const [, , text = "{}", log] = process.argv;
const options = JSON.parse(text) as ProducerOptions;
const { engine, seed, name, first } = options;
const logged =
  log === undefined ? {} : { logger: pino({ level: "warn" }, pino.destination({ dest: log, sync: true })) };
const pool = makePool(options, logged);
// Another pool, so that maps are attached to by a pool that has not begun them.
const other = engine === "Redis" ? makePool(options, logged) : undefined;
const calls = new Calls(pool, other);

let stopped = false;
listen(
  () => (stopped = true),
  () => true,
);
say({ t: "ready" });

for (let number = first; !stopped; number++) {
  await runMap(number);
  await tellUsage();
}
for (const each of [pool, other]) {
  each?.close();
  await each?.join();
}
process.disconnect();

/** A function of its own, so that nothing of a map is kept while its producer tells what it uses. */
async function runMap(number: number): Promise<void> {
  const load = workload(seed, name, number, engine);
  const { kind, tag, items } = load;
  const tally = new Tally(items);
  let mapId = tag;
  await calls.ask(load, tally, {
    resumes: options.resumes && number === first,
    begun: (id) => {
      mapId = id;
      say({ t: "began", number, tag, mapId });
    },
  });
  const verdict = tally.verdict(endsEarly(kind) !== undefined);
  say({ t: "ended", number, tag, mapId, kind, items: items.length, verdict });
}
