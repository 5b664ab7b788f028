/** The ideal for functions that wait: bare Node processes without a queue, as exact as Node's timers are. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { argumentsOf } from "./operations.ts";
import { readSetup, serve } from "./serve.ts";
import { timedMap } from "./timed.ts";

const { processes, concurrency } = readSetup();
const main = fileURLToPath(new URL("./bare-node-worker.ts", import.meta.url));
const children = Array.from({ length: processes }, () =>
  fork(main, [String(concurrency)], { stdio: ["ignore", "ignore", "inherit", "ipc"] }),
);
await Promise.all(children.map((child) => once(child, "message")));

await serve(
  {
    async map({ args, times }) {
      const items = argumentsOf(args);
      const share = Math.ceil(items.length / processes);
      return await timedMap(async () => {
        const parts = children.map(async (child, i) => {
          child.send(items.slice(i * share, (i + 1) * share));
          const [results] = (await once(child, "message")) as [number[]];
          return results;
        });
        return (await Promise.all(parts)).flat();
      }, times);
    },
  },
  async () => {
    for (const child of children) child.disconnect();
  },
);
