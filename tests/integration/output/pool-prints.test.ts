/** What the tasks of a pool of this program print: it goes where the program prints, whole and all of it. Row 58. */

import { execFileSync } from "node:child_process";

import { describe, expect, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/stage.ts";
import { join } from "node:path";
import { readFileSync } from "node:fs";

const POOLS = {
  Pool: "new Pool({ tasks, processes: 3 })",
  ThreadPool: "new ThreadPool({ tasks, threads: 3 })",
} as const;

/** A program whose tasks print lines of JSON. */
function printing(pool: string, items: number, lines: number, width: number): string {
  return `
    import { Pool, ThreadPool } from "@poolmq/producer";
    const tasks = new URL("file://${new URL("../../fixtures/printing-tasks.ts", import.meta.url).pathname}");
    const pool = ${pool};
    await pool.starmap("printJson", Array.from({ length: ${items} }, (_, id) => [id, ${lines}, ${width}]));
    await pool.terminate();
    process.stderr.write("the map is done");
  `;
}

describe.each(Object.entries(POOLS))("a %s", (_, pool) => {
  test.for([20, 4_000, 100_000])("prints whole lines of %i characters, and all of them", async (width) => {
    const [items, lines] = [4, width > 50_000 ? 10 : 100];
    await using program = Program.source(printing(pool, items, lines, width));
    await program.exited;
    const printed = program.stdout.split("\n").slice(0, -1);
    expect(printed.length).toBe(items * lines);
    for (const line of printed) expect(JSON.parse(line)).toMatchObject({ text: "x".repeat(width) });
  });

  test("goes on after a task has ended the output of its process", async () => {
    await using program = Program.source(`
      import { Pool, ThreadPool } from "@poolmq/producer";
      const tasks = new URL("file://${new URL("../../fixtures/printing-tasks.ts", import.meta.url).pathname}");
      await using pool = ${pool.replace("3", "1")};
      await pool.apply("endOutput", []);
      console.log(await pool.starmap("printJson", [[0, 1, 1], [1, 1, 1]]));
    `);
    await program.exited;
    expect(program.output).toContain("[ undefined, undefined ]");
    expect(program.output).not.toContain("EPIPE");
  });

  test("prints all of it where the program ends by itself, also a last line without its end", async () => {
    const source = printing(pool, 6, 500, 100).replace(
      "await pool.terminate();",
      'await pool.apply("printOpenLine", ["the end"]);',
    );
    await using program = Program.source(source);
    await program.exited;
    const printed = program.stdout.split("\n");
    expect(printed.at(-1)).toBe("the end");
    expect(printed.length).toBe(6 * 500 + 1);
  });

  test("goes on where its output is closed, or full", async () => {
    const folder = temporaryFolder();
    for (const [name, where] of [
      ["closed", "| head -n 1 >/dev/null"],
      ["full", ">/dev/full"],
    ] as const) {
      const log = join(folder, name);
      const source = printing(pool, 6, 300, 100);
      execFileSync(
        "bash",
        [
          "-c",
          `"$0" --conditions=@poolmq/source --disable-warning=ExperimentalWarning --input-type=module-typescript --eval "$1" 2>"$2" ${where}`,
          process.execPath,
          source,
          log,
        ],
        { cwd: new URL("../..", import.meta.url), timeout: 30_000 },
      );
      expect(readFileSync(log, "utf8")).toBe("the map is done");
    }
  });
});
