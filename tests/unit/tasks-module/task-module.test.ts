import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/stage.ts";

/** Loads a module as a worker does, in a process of its own (Vitest imports in its own way), and evaluates something of it. */
async function loaded(source: string, evaluated: string, name = "tasks.cjs"): Promise<unknown> {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, source);
  await using program = Program.source(`
    import { loadTaskModule } from "@poolmq/worker/internal";
    const evaluate = ({ tasks, initializer, finalizer }: any) => (${evaluated});
    console.log(JSON.stringify(await loadTaskModule(${JSON.stringify(file)}).then(evaluate, (error) => error.message)));
  `);
  await program.exited;
  return JSON.parse(program.output);
}

test.for([
  "exports.square = (x) => x * x;",
  "function square(x) { return x * x; }\nmodule.exports = { square };",
  "module.exports = { square: (x) => x * x };",
  "module.exports = { square(x) { return this.multiply(x, x); }, multiply: (x, y) => x * y };",
  "for (const [name, fn] of Object.entries({ square: (x) => x * x })) exports[name] = fn;",
  "Object.assign(module.exports, { square: (x) => x * x });",
  "const tasks = { square: (x) => x * x };\nmodule.exports = { ...tasks };",
  "class Api { square(x) { return this.power(x, 2); } power(x, y) { return x ** y; } }\nmodule.exports = new Api();",
  "Object.defineProperty(module.exports, 'square', { value: (x) => x * x });",
  "module.exports = { square: (x) => x * x, get other() { throw new Error('not there'); } };",
  "Object.defineProperty(exports, '__esModule', { value: true });\nexports.square = (x) => x * x;",
])("of a CommonJS module, what require() gives are its tasks: %s", async (source) => {
  expect(await loaded(source, 'tasks.get("square")(3) + tasks.get("square").length')).toBe(10);
});

test("hooks of a CommonJS module are called on what it exports", async () => {
  const source =
    "module.exports = { initializer() { this.ready = true; }, finalizer: () => 7, isReady() { return this.ready; } };";
  expect(
    await loaded(source, '[initializer(), finalizer(), tasks.get("isReady")(), [...tasks.keys()]]'),
  ).toEqual([null, 7, true, ["isReady"]]);
});

test("a function that is all that a module exports is its task `default`", async () => {
  const evaluated = 'tasks.get("default")(1)';
  expect(await loaded("module.exports = (x) => x + 1;", evaluated)).toBe(2);
  expect(await loaded("export default (x: number) => x + 1;", evaluated, "tasks.mts")).toBe(2);
});

test("classes, and what is no function, are no tasks", async () => {
  const source = "module.exports = { TaskError: class extends Error {}, limit: 5 };";
  expect(await loaded(source, "0")).toContain("got only TaskError, limit");
});

test("a CommonJS module that exports a promise is refused", async () => {
  const source = "module.exports = Promise.resolve({ square: (x) => x * x });";
  expect(await loaded(source, "0")).toContain("got a promise as `module.exports`");
});

test("a folder is refused, without the name of a file of poolmq that would import it", async () => {
  const folder = temporaryFolder();
  await using program = Program.source(`
    import { loadTaskModule } from "@poolmq/worker/internal";
    await loadTaskModule(${JSON.stringify(folder)}).catch((error) => console.log(error.message));
  `);
  await program.exited;
  expect(program.output).toBe("It is a folder: name the file in it that exports the tasks\n");
});
