/** Piscina: threads of one process, with no queue. */

import { Piscina } from "piscina";

import { argumentsOf } from "./operations.ts";
import { readSetup, serve } from "./serve.ts";
import { timedMap } from "./timed.ts";

const { processes } = readSetup();
const threads = new Piscina<number, number>({
  filename: new URL("../tasks.ts", import.meta.url).href,
  minThreads: processes,
  maxThreads: processes,
});

await serve(
  {
    async map({ task, args }) {
      const items = argumentsOf(args);
      return await timedMap(() => Promise.all(items.map((item) => threads.run(item, { name: task }))));
    },
  },
  () => threads.destroy(),
);
