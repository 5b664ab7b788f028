import { readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { inspect } from "node:util";

import { describe, expect, onTestFinished, test } from "vitest";

import * as tasks from "../../fixtures/error-tasks.ts";
import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, temporaryFolder } from "../../support/stage.ts";

const redis = redisForFile();

type Tasks = typeof tasks;

const MODULE = new URL("../../fixtures/error-tasks.ts", import.meta.url);
const UNCAUGHT = new URL("../../fixtures/uncaught.ts", import.meta.url);

/** Number of the line that is marked so. */
function lineOf(file: URL, mark: string): number {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.findIndex((line) => line.endsWith(`// LINE: ${mark}`)) + 1;
}

const MEASURE = `measure (${MODULE.href}:${lineOf(MODULE, "measure")}:9)`;

/** A program with types above what it throws, compiled so that no line is where it was. */
const TYPED = `interface Shape {
  readonly name: string;
}

enum Color {
  Red,
  Green,
}

export function paint(shape: Shape): never {
  throw new Error(\`can't paint \${shape.name} \${Color[Color.Green]}\`);
}
`;

function framesOf(error: unknown): string[] {
  return (error as Error).stack?.split("\n").filter((line) => /^\s+(at|---) /.test(line)) ?? [];
}

describe("the stack of a task's error", () => {
  test.for(["sync", "async"] as const)(
    "of a function that is %s: the worker's frames first, then where the producer called, and nothing of poolmq",
    async (task) => {
      const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
      const error = await rejection(pool.map(task, ["box"]));
      expect(error).toBeInstanceOf(TypeError);
      const frames = framesOf(error);
      expect(frames.slice(0, 3)).toEqual([
        `    at ${MEASURE}`,
        expect.stringMatching(new RegExp(`^ {4}at (async )?${task} \\(.*error-tasks\\.ts:\\d+:\\d+\\)$`)),
        "    --- called by the producer: map() ---",
      ]);
      expect(frames[3]).toMatch(/remote-errors\.test\.ts:\d+:\d+/);
      expect(frames.join("\n")).not.toMatch(
        /packages\/(worker|producer|shared)|node:internal\/async_local_storage/,
      );
    },
  );

  test("is the same in a chunk, in a cause and in `errors`", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const error = (await rejection(pool.map("quota", [1, 2], { chunksize: 2 }))) as Error;
    const several = (await rejection(pool.apply("several", []))) as AggregateError;
    for (const { stack } of [error, error.cause as Error, ...(several.errors.slice(0, 2) as Error[])]) {
      expect(stack).toMatch(/error-tasks\.ts/);
      expect(stack).not.toMatch(/packages\/(worker|shared)|async_local_storage/);
    }
  });

  test("names the call for every kind of call", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const named = async (call: PromiseLike<unknown>): Promise<string | undefined> =>
      /called by the producer: (\w+)\(\)/.exec(String(((await rejection(call)) as Error).stack))?.[1];
    expect(await named(pool.apply("sync", ["a"]))).toBe("apply");
    expect(await named(pool.starmap("sync", [["a"]]))).toBe("starmap");
    expect(await named(pool.imap("sync", ["a"]).next())).toBe("imap");
    expect(await named(pool.istarmapUnordered("sync", [["a"]]).next())).toBe("istarmapUnordered");
  });

  test("of an argument that can't be sent shows the call, and no frame of poolmq", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const error = await rejection(pool.map("sync", [(() => 1) as unknown as string]));
    expect(error).toMatchObject({ code: "SERIALIZATION" });
    expect(framesOf(error)[0]).toContain("called by the producer: map()");
    expect(framesOf(error)[1]).toContain("remote-errors.test.ts");
  });

  test("respects Error.stackTraceLimit", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const { stackTraceLimit } = Error;
    onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit));
    Error.stackTraceLimit = 1;
    const call = pool.map("sync", ["box"]);
    Error.stackTraceLimit = 0;
    const silent = pool.map("sync", ["box"]);
    Error.stackTraceLimit = stackTraceLimit;
    expect(framesOf(await rejection(call)).slice(2)).toEqual([
      "    --- called by the producer: map() ---",
      expect.stringContaining("remote-errors.test.ts"),
    ]);
    expect(framesOf(await rejection(silent))).toHaveLength(2);
  });

  test("is what an uncaught error prints", async () => {
    await using program = Program.file(UNCAUGHT, { args: [redis().url] });
    expect(await program.exited).toMatchObject({ code: 1 });
    const { output } = program;
    const worker = output.indexOf(MEASURE);
    const caller = output.indexOf("--- called by the producer: map() ---");
    const call = output.indexOf(`report (${UNCAUGHT.href}:${lineOf(UNCAUGHT, "call")}:`);
    expect(output).toContain("TypeError: no size: box");
    expect(
      [worker, caller, call].every((at) => at > 0),
      output,
    ).toBe(true);
    expect(worker < caller && caller < call).toBe(true);
    expect(output).not.toContain("run-item");
  });

  test("has the lines of the source, where a compiled module has a source map", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "tasks.mjs");
    const options = { mode: "transform", sourceMap: true, sourceUrl: join(folder, "source.ts") } as const;
    writeFileSync(file, stripTypeScriptTypes(TYPED, options));
    const line = TYPED.split("\n").findIndex((text) => text.includes("throw")) + 1;
    await using program = Program.source(
      `import { Pool } from "@poolmq/producer";
       const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, tasks: ${JSON.stringify(file)}, processes: 1 });
       await pool.map("paint", [{ name: "box" }]).catch((error) => console.log(error.stack));
       await pool.terminate();`,
      { execArgv: ["--enable-source-maps"] },
    );
    await program.exited;
    expect(program.output).toContain("can't paint box Green");
    expect(program.output).toContain(`at paint (${join(folder, "source.ts")}:${line}:`);
    expect(program.output).not.toContain("run-item");
  });
});

describe("the class of a task's error", () => {
  const isQuotaError = (error: unknown): void => {
    expect(error).toBeInstanceOf(tasks.QuotaError);
    expect(error).toMatchObject({ name: "QuotaError", message: "over 5", limit: 5, hint: "at most 5" });
    expect((error as Error).cause).toBeInstanceOf(tasks.QuotaError);
  };

  test("is the imported module's, with a fleet", async () => {
    const stage = new Stage(redis());
    await stage.machine({ module: MODULE });
    isQuotaError(await rejection(stage.pool<Tasks>({ tasks }).map("quota", [5])));
    isQuotaError(await rejection(stage.pool<Tasks>({ tasks }).map(tasks.quota, [5], { chunksize: 3 })));
  });

  test("is the imported module's, in local mode, for a function that was given itself", async () => {
    // In a process of its own: a test runner's copy of a module is another one than Node's.
    await using program = Program.source(
      `import { Pool } from "@poolmq/producer";
       import * as tasks from ${JSON.stringify(MODULE.href)};
       const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, tasks: ${JSON.stringify(MODULE.href)}, processes: 1 });
       const error = await pool.map(tasks.quota, [5]).catch((thrown) => thrown);
       console.log(error instanceof tasks.QuotaError, error.cause instanceof tasks.QuotaError, error.hint);
       await pool.terminate();`,
    );
    await program.exited;
    expect(program.output).toBe("true true at most 5\n");
  });

  test("that the producer does not have is named, and is the nearest built-in", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const error = await rejection(pool.map("secret", [undefined] as never));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({
      name: "SecretError",
      message: "hidden",
      detail: { codes: [1, 2] },
      cause: "why",
      stack: expect.stringMatching(/^SecretError: hidden\n/),
    });
    expect((error as Error).constructor.name).toBe("SecretError");
    expect(inspect(error)).toMatch(/^SecretError: hidden\n/);
  });

  test("is kept for each of an AggregateError's errors", async () => {
    const stage = new Stage(redis());
    await stage.machine({ module: MODULE });
    const error = await rejection(stage.pool<Tasks>({ tasks }).apply("several", []));
    expect(error).toBeInstanceOf(AggregateError);
    const { errors } = error as AggregateError;
    expect(errors[0]).toBeInstanceOf(tasks.QuotaError);
    expect(errors[1]).toBeInstanceOf(SyntaxError);
    expect(errors[2]).toBe("text");
  });
});

test("what is thrown, or can't be sent, reaches the caller, and the process works on", async () => {
  const stage = new Stage(redis());
  const machine = await stage.machine({ module: MODULE });
  const pool = stage.pool<Tasks>({ tasks });
  const quota = { name: "QuotaError", message: "over 3", limit: 3 };
  const errors: Readonly<Record<string, object>> = {
    frozen: quota,
    "no stack": quota,
    "stack is a number": quota,
    "throwing getter": { ...quota, more: expect.stringContaining("[not sent") },
    "function inside": {
      ...quota,
      kept: 7,
      socket: { close: expect.stringContaining("[not sent: a function") },
    },
    cycle: quota,
    overflow: { name: "RangeError", message: "Maximum call stack size exceeded" },
    function: { code: "SERIALIZATION", message: expect.stringContaining("threw a function") },
    symbol: { code: "SERIALIZATION", message: expect.stringContaining("threw a symbol") },
    promise: { code: "SERIALIZATION", message: expect.stringContaining("threw a Promise") },
    "own line": { message: "two\n    at lines (of/run-item.ts:1:1)" },
    result: { code: "SERIALIZATION", path: ".deep[0]" },
    progress: { code: "SERIALIZATION" },
  };
  const values: Readonly<Record<string, unknown>> = {
    number: 5,
    bigint: 5n,
    map: new Map([[1, new Date(0)]]),
  };
  const kinds = [...Object.keys(errors), ...Object.keys(values)];
  const { pids } = machine;
  for (const chunksize of [1, 20]) {
    const outcomes = await pool.map("thrower", [...kinds, "fine"], { chunksize }).settled();
    for (const [index, kind] of kinds.entries()) {
      const outcome = outcomes[index];
      const reason: unknown = outcome?.status === "rejected" ? outcome.reason : outcome;
      const error = errors[kind];
      if (error === undefined) expect(reason, kind).toEqual(values[kind]);
      else expect(reason, kind).toMatchObject(error);
      if (error !== undefined && "limit" in error) expect(reason, kind).toBeInstanceOf(tasks.QuotaError);
    }
    expect(outcomes.at(-1)).toEqual({ status: "fulfilled", value: "fine" });
  }
  expect(machine.pids).toEqual(pids);
});
