/** Streams that nobody reads, when their pool ends: the program ends too, and its own error is seen. */

import { expect, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { TASKS } from "../../support/stage.ts";

/** A program that leaves the block of its pool in some way. */
function program(pool: string, rest: string): Program {
  return Program.source(`
    import { Pool, ThreadPool } from "@poolmq/producer";
    const tasks = new URL(${JSON.stringify(TASKS.href)});
    await using pool = ${pool};
    const items = Array.from({ length: 5_000 }, (_, index) => index);
    ${rest}
  `);
}

const POOLS = ["new Pool({ tasks, processes: 1 })", "new ThreadPool({ tasks, threads: 1 })"];

test.for(POOLS)(
  "an error between imap() and its loop is shown, and the program ends: %s",
  { timeout: 40_000 },
  async (pool) => {
    await using child = program(
      pool,
      'const stream = pool.imap("increment", items); JSON.parse("{"); for await (const _ of stream);',
    );
    await child.exited;
    expect(child.output).toContain("SyntaxError");
    expect(child.output).toContain("nobody read the stream");
  },
);

test(
  "a stream of which only the first item was read does not keep its program",
  { timeout: 40_000 },
  async () => {
    await using child = program(
      POOLS[0] ?? "",
      'const stream = pool.imapUnordered("increment", items); console.log((await stream.next()).value);',
    );
    expect(await child.exited).toMatchObject({ code: 0 });
    expect(child.output).toMatch(/^1\n/);
  },
);

test(
  "neither a stream of long items that nobody reads nor an input that gives nothing keeps its program",
  { timeout: 40_000 },
  async () => {
    await using child = program(
      POOLS[0] ?? "",
      `async function* silent() { yield 1; await new Promise(() => {}); }
      pool.imap("gated", items.map(() => ({ log: "/dev/null", gate: "/no/such/gate" })));
      pool.map("increment", silent());
      JSON.parse("{");`,
    );
    await child.exited;
    expect(child.output).toContain("SyntaxError");
    expect(child.output).toContain("nobody read the stream");
    expect(child.output).toContain("its input gives no further item");
  },
);

test("a stream that is read after close() is read to its end", { timeout: 40_000 }, async () => {
  await using child = program(
    POOLS[0] ?? "",
    `const stream = pool.imap("increment", items);
    pool.close();
    let sum = 0;
    for await (const value of stream) {
      // Slower than anything that a pool waits for by itself.
      if (value === 1) await new Promise((resolve) => setTimeout(resolve, 4_000));
      sum += value;
    }
    console.log(sum);`,
  );
  await child.exited;
  expect(child.output).toContain("12502500\n");
});
