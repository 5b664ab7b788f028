/** A handle that nobody looks at, and what can be seen of one that somebody does. */

import { fileURLToPath } from "node:url";
import { inspect } from "node:util";

import { expect, onTestFinished, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { Program } from "../support/processes.ts";
import { rejection } from "../support/stage.ts";

const FIXTURE = fileURLToPath(new URL("../fixtures/unseen.ts", import.meta.url));

async function run(
  name: string,
): Promise<{ readonly code: number | null; readonly warnings: string[]; readonly output: string }> {
  const program = Program.file(FIXTURE, { args: [name], execArgv: ["--expose-gc"] });
  onTestFinished(() => program[Symbol.asyncDispose]());
  const { code } = await program.exited;
  const warnings = [...program.output.matchAll(/PoolmqWarning: (.*)/g)].map(([, text]) => text ?? "");
  return { code, warnings, output: program.output };
}

test.each([
  [
    "forgotten",
    /^map\("nope"\) failed, and nobody looked at its handle: TaskNotRegisteredError: .*[^.]\. Await the handle, or give the call `onError`\. It was called at .*fixtures\/unseen\.ts:\d+:\d+\)?$/,
  ],
  ["stream", /^imap\("nope"\) failed, and nobody looked at its handle: TaskNotRegisteredError: /],
  ["refused", /^map\("increment"\) failed, and nobody looked at its handle: InvalidOptionError: /],
])(
  "a call that failed and that nobody looks at is told once, with where it was made: %s",
  async (name, warning) => {
    const { code, warnings } = await run(name);
    expect(warnings).toEqual([expect.stringMatching(warning)]);
    expect(code).toBe(0);
  },
);

test("many calls of one place that fail in the same way are told once, and counted", async () => {
  const { warnings } = await run("many");
  expect(warnings).toEqual([
    expect.stringMatching(/^map\("nope"\) failed, and nobody looked/),
    expect.stringMatching(
      /^49 more: map\("nope"\) failed, and nobody looked at its handle: TaskNotRegisteredError/,
    ),
  ]);
});

test("it is told while the program goes on, once nobody can look any more", async () => {
  const { warnings, output } = await run("collected");
  expect(warnings).toHaveLength(1);
  expect(output).toContain("warned while running");
});

test.each(["late", "settled", "watched", "cancelled", "terminated", "succeeded"])(
  "nothing is told of one that somebody looked at, or ended, or that went well: %s",
  async (name) => {
    expect((await run(name)).warnings).toEqual([]);
  },
);

onBothPools(({ shared }) => {
  test("console.log shows what a handle is and how far", async () => {
    const handle = shared().map("increment", [1, 2, 3]);
    expect(inspect(handle)).toMatch(
      /^MapResult \{\s+task: 'increment',\s+state: 'running',\s+done: '0 of 3',/,
    );
    await handle;
    expect(inspect(handle)).toMatch(/state: 'ended',\s+done: '3 of 3',/);
    expect(inspect({ handle }, { depth: 0 })).toContain("MapResult");
    const stream = shared().imap("increment", [1]);
    expect(inspect(stream)).toMatch(/^ResultStream \{\s+task: 'increment',/);
    await stream.return();
  });

  test("the error that a map throws says which item it was and how many failed; errors() groups them", async () => {
    const handle = shared().map("failAtOdd", [0, 1, 2, 3, 5]);
    const error = (await rejection(handle)) as Error;
    expect(error.message).toBe("odd 1");
    expect(error.stack).toMatch(
      /\n {4}--- item 1 of 5, the first of 3 that failed: errors\(\) groups them, settled\(\) gives all outcomes ---$/,
    );
    expect(await handle.errors()).toEqual([
      { name: "RangeError", message: "odd 1", count: 3, indices: [1, 3, 4], error },
    ]);
    const one = (await rejection(shared().map("failAtOdd", [0, 1]))) as Error;
    expect(one.stack).toMatch(/--- item 1 of 2, the only one that failed ---$/);
    const alone = (await rejection(shared().map("failAtOdd", [1]))) as Error;
    expect(alone.stack).not.toContain("--- item");
  });

  test("errors() of a map without any is empty, and of a refused call rejects", async () => {
    expect(await shared().map("increment", [1]).errors()).toEqual([]);
    expect(
      await rejection(
        shared()
          .map("increment", 5 as unknown as number[])
          .errors(),
      ),
    ).toBeInstanceOf(Error);
  });
});
