import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";

import { InvalidOptionError, ThreadPool } from "@poolmq/producer";
import { progressBar } from "@poolmq/producer/progress";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/tasks.ts";
import { Program } from "../../support/processes.ts";
import { TASKS } from "../../support/stage.ts";
import { HAS_TERMINAL, onTerminal } from "../../support/terminal.ts";
import { within } from "../../support/until.ts";

/** A program over threads, which need no Redis. */
function source(body: string): string {
  return `
    import { ThreadPool } from "@poolmq/producer";
    import { progressBar } from "@poolmq/producer/progress";
    const pool = new ThreadPool({ tasks: ${JSON.stringify(TASKS.href)}, threads: 2 });
    ${body}`;
}

const TWO_MAPS = source(`
  const a = pool.map("increment", Array.from({ length: 1_234 }, (_, i) => i), { onProgress: progressBar("alpha") });
  const b = pool.map("fail", [1, 2, 3, 4], { onProgress: progressBar("beta") });
  console.log((await Promise.allSettled([a, b])).map(({ status }) => status).join());
  await pool.close();`);

/** Gives what a terminal of so many columns shows after this output. */
function screenOf(output: string): string[] {
  const lines = [""];
  let [row, column] = [0, 0];
  // oxlint-disable-next-line no-control-regex -- what moves the cursor
  for (const [piece, count, code] of output.matchAll(/\u001B\[(\d*)([A-Za-z])|[^\u001B]/g)) {
    if (code === "A") row -= Number(count || 1);
    else if (code === "G") column = Number(count || 1) - 1;
    else if (code === "K") lines[row] = (lines[row] ?? "").slice(0, column);
    else if (code === "J") lines.splice(row + 1);
    else if (piece === "\r") column = 0;
    else if (piece === "\n") row++;
    else {
      const line = (lines[row] ?? "").padEnd(column);
      lines[row] = line.slice(0, column) + piece + line.slice(column + 1);
      column++;
    }
    lines[row] ??= "";
  }
  return lines.map((line) => line.trimEnd());
}

/** What would have to be restored: a hidden cursor, lines that do not wrap, another screen. */
// oxlint-disable-next-line no-control-regex -- that it is not written is the point
const CHANGES_THE_TERMINAL = /\u001B\[\?/;

describe.runIf(HAS_TERMINAL)("on a terminal", () => {
  test("each map has its bar, which stays when the program goes on", async () => {
    const program = onTerminal(["--input-type=module-typescript", "--eval", TWO_MAPS]);
    await within(20_000, "its end", program.exited);
    expect(screenOf(program.output)).toEqual([
      expect.stringMatching(/^alpha {2}█{24} 100 % {2}1,234 of 1,234 {2}[\d,.]+\/s {2}\d+ s$/),
      expect.stringMatching(/^beta {2}█{24} 100 % {2}4 of 4 {2}2 failed {2}[\d,.]+\/s {2}\d+ s$/),
      "fulfilled,rejected",
      "",
    ]);
    expect(program.output).not.toMatch(CHANGES_THE_TERMINAL);
  });

  test("the text of an error that ends the program begins on a line of its own", async () => {
    const program = onTerminal([
      "--input-type=module-typescript",
      "--eval",
      source(`
        let calls = 0;
        const draw = progressBar("alpha");
        void pool.map("increment", [1, 2, 3], { onProgress: (progress) => {
          draw(progress);
          setImmediate(() => { throw new Error("boom"); });
        } });`),
    ]);
    await within(20_000, "its end", program.exited);
    const screen = screenOf(program.output);
    expect(screen[0]).toMatch(/^alpha {2}/);
    expect(screen.find((line) => line.includes("Error: boom"))).toMatch(/^(Uncaught )?Error: boom/);
    expect(screen[1]).not.toContain("alpha");
  });

  test("Ctrl-C ends the program, and leaves the terminal as it was", async () => {
    const program = onTerminal([
      "--input-type=module-typescript",
      "--eval",
      source(`await pool.map("spinForEver", ["/dev/null"], { onProgress: progressBar("alpha") });`),
    ]);
    await program.line(/alpha/);
    program.send("\u0003");
    await within(10_000, "its end", program.exited);
    expect(program.output).not.toMatch(CHANGES_THE_TERMINAL);
  });

  test("a bar that nobody ends does not keep the process alive", async () => {
    const program = onTerminal([
      "--input-type=module-typescript",
      "--eval",
      `import { progressBar } from "@poolmq/producer/progress";
       progressBar("alpha")({ total: 3, done: 1, failed: 0, running: 2, rate: 1, timeLeftMs: 2_000, ended: false });
       console.log("beta");`,
    ]);
    await within(10_000, "its end", program.exited);
    expect(program.output).toContain("1 of 3");
  });
});

test("where stderr is no terminal, nothing is drawn", async () => {
  const program = Program.source(TWO_MAPS);
  onTestFinished(() => program[Symbol.asyncDispose]());
  await within(20_000, "its end", program.exited);
  expect(program.output).toBe("fulfilled,rejected\n");
});

/** A terminal whose text the test reads. */
function fakeTerminal(rows: number) {
  let text = "";
  const stream = Object.assign(new PassThrough(), { isTTY: true, rows, columns: 80 });
  stream.on("data", (data: Buffer) => {
    text += data.toString();
  });
  return { stream, screen: () => screenOf(text) };
}

test("bars of maps that have ended make room for new ones, and one without room is not drawn", () => {
  const { stream, screen } = fakeTerminal(4);
  const counts = { total: 2, done: 1, failed: 0, running: 1, rate: 0, timeLeftMs: undefined, ended: false };
  const over = { ...counts, done: 2, running: 0, ended: true };
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((title) => progressBar({ title, stream }));
  for (const bar of [a, b, c, d]) bar?.(counts);
  b?.(over);
  e?.(counts);
  for (const bar of [a, c, d, e]) bar?.(over);
  const shown = screen().filter((line) => line !== "");
  expect(shown.map((line) => line[0])).toEqual(["a", "c", "e"]);
  for (const line of shown) expect(line).toContain("2 of 2");
});

test("a map's bar is drawn again under the bars before it", async () => {
  const { stream, screen } = fakeTerminal(24);
  await using pool = new ThreadPool<typeof tasks>({ tasks: TASKS, threads: 1 });
  await pool.map("increment", [1], { onProgress: progressBar({ title: "first\n\u001B[2J", stream }) });
  await pool.map("increment", [1, 2], { onProgress: progressBar({ title: "second", stream }) });
  expect(screen()).toEqual([
    expect.stringMatching(/^first \[2J .* 1 of 1 /),
    expect.stringMatching(/^second .* 2 of 2 /),
    "",
  ]);
});

test("options are checked", () => {
  expect(() => progressBar({ titel: "x" } as object)).toThrow(
    new InvalidOptionError("Unknown option `titel` in the progress bar options. Did you mean `title`?"),
  );
  expect(() => progressBar({ stream: 7 as never })).toThrow(
    /Expected `stream` to be a stream to write to, got 7/,
  );
});

test("only those who draw load what draws", () => {
  const script = `
    import { progressBar } from "@poolmq/producer/progress";
    import { createRequire } from "node:module";
    progressBar("x");
    const loaded = Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes("cli-progress"));
    console.log(loaded);`;
  const args = ["--conditions=@poolmq/source", "--input-type=module-typescript", "--eval", script];
  const cwd = new URL("..", import.meta.url);
  expect(execFileSync(process.execPath, args, { cwd, encoding: "utf8", stdio: "pipe" })).toBe("false\n");
});
