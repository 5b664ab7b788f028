/** What the compiler says of a wrong call: one line, at the wrong element, that tells what to do. */

import { beforeAll, describe, expect, test } from "vitest";

import { UserProject } from "../examples/user-project.ts";

const TASKS = `
export interface User { id: number; name: string }
export class Point {
  x = 0;
  norm(): number { return this.x; }
}
export class Pair { left = 1; right = 2; anything: unknown = 0; never?: never; }
export function increment(x: number): number { return x + 1; }
export function incrementAll(xs: readonly number[]): readonly number[] { return xs; }
export function add(a: number, b: number): number { return a + b; }
export function greet(name: string, greeting = "Hi"): string { return greeting + name; }
export function nothing(): number { return 1; }
export function user(u: User): string { return u.name; }
export async function* later(n: number): AsyncGenerator<number> { yield await Promise.resolve(n); }
export function* lazily(n: number): Generator<number> { yield n; }
export async function closure(n: number): Promise<() => number> { return await Promise.resolve(() => n); }
export function makePoint(x: number): Point { return Object.assign(new Point(), { x }); }
export function maybePoint(x: number): Point | undefined { return x > 1 ? new Point() : undefined; }
export function norm(p: Point): number { return p.norm(); }
export function callback(f: (x: number) => number): number { return f(1); }
export function either(x: number | (() => number)): number { return typeof x === "number" ? x : x(); }
export function reports(x: number, onStep?: (step: number) => void): number { onStep?.(1); return x; }
export function pair(p: Pair): Pair { return p; }
export function kinds(x: Date | Map<string, Set<number>> | RegExp | Error | Buffer | Float64Array | bigint | null): typeof x { return x; }
export function anything(x: unknown): unknown { return x; }
export function json(text: string) { return JSON.parse(text); }
export function nested(x: { readonly list: { readonly id: string }[] }): Record<string, number> { return { n: x.list.length }; }
export const VERSION = "1";
export function initializer(): void {}
`;

/** One call a line, with what the compiler must say of it. */
const WRONG: readonly (readonly [call: string, message: string])[] = [
  // The name
  [
    `pool.map("incremnt", [1])`,
    `Argument of type '"incremnt"' is not assignable to parameter of type '"increment" | "incrementAll"'.`,
  ],
  [
    `pool.map("add", [1, 2])`,
    `Argument of type '"add"' is not assignable to parameter of type '"add takes more than one argument: use starmap() with a tuple for each item"'.`,
  ],
  [
    `pool.imap("add", [1, 2])`,
    `Argument of type '"add"' is not assignable to parameter of type '"add takes more than one argument: use istarmap() with a tuple for each item"'.`,
  ],
  [
    `pool.imapUnordered("add", [1, 2])`,
    `Argument of type '"add"' is not assignable to parameter of type '"add takes more than one argument: use istarmapUnordered() with a tuple for each item"'.`,
  ],
  [
    `pool.mapReduce("increment", [1], "greet")`,
    `Argument of type '"greet"' is not assignable to parameter of type '"greet is no reducer of these results: it must take two of them and give one"'.`,
  ],
  [
    `pool.mapReduce("increment", [1], "ad")`,
    `Argument of type '"ad"' is not assignable to parameter of type '"add"'.`,
  ],
  [
    `pool.map("VERSION", [1])`,
    `Argument of type '"VERSION"' is not assignable to parameter of type '"VERSION is no function, and no task"'.`,
  ],
  [
    `pool.starmap("Point", [[1]])`,
    `Argument of type '"Point"' is not assignable to parameter of type '"Point is a class, and no task: export a function"'.`,
  ],
  [
    `pool.map("initializer", [])`,
    `Argument of type '"initializer"' is not assignable to parameter of type '"initializer runs once per process, and is no task"'.`,
  ],
  [
    `pool.tasks.incremnt.map([1])`,
    `Property 'incremnt' does not exist on type 'TaskDoors<typeof import("<folder>/tasks")>'. Did you mean 'increment'?`,
  ],
  [
    `pool.tasks.add.map([1])`,
    `Argument of type 'number[]' is not assignable to parameter of type '"add takes more than one argument: use starmap() with a tuple for each item"'.`,
  ],
  [`pool.tasks.increment.map(["a"])`, `Type 'string' is not assignable to type 'number | Shared<number>'.`],
  // The items
  [`pool.map("increment", [1, "a"])`, `Type 'string' is not assignable to type 'number | Shared<number>'.`],
  [
    `pool.map("increment", [Promise.resolve(1)])`,
    `Type 'Promise<number>' is not assignable to type 'number | Shared<number>'.`,
  ],
  [
    `pool.map("increment", 5)`,
    `Argument of type 'number' is not assignable to parameter of type 'Items<number | Shared<number>>'.`,
  ],
  [
    `pool.starmap("add", [[1, 2], [1]])`,
    `Type '[number]' is not assignable to type 'readonly [a: number | Shared<number>, b: number | Shared<number>]'. Source has 1 element(s) but target requires 2.`,
  ],
  [`pool.starmap("add", [[1, "2"]])`, `Type 'string' is not assignable to type 'number | Shared<number>'.`],
  [`pool.map("nothing", [1])`, `Type 'number' is not assignable to type 'Shared<undefined>'.`],
  // What can't travel
  [
    `pool.map("callback", [(x: number) => x])`,
    `Argument of type '"callback"' is not assignable to parameter of type '"callback takes a function, which can't be sent to a worker"'.`,
  ],
  [
    `pool.map("norm", [new Point()])`,
    `Argument of type '"norm"' is not assignable to parameter of type '"norm takes an object with methods (norm), which can't be sent to a worker"'.`,
  ],
  [
    `pool.map("later", [1])`,
    `Argument of type '"later"' is not assignable to parameter of type '"later gives an async generator, which can't be sent back from a worker: return plain data"'.`,
  ],
  [
    `pool.apply("lazily", [1])`,
    `Argument of type '"lazily"' is not assignable to parameter of type '"lazily gives an iterator, which can't be sent back from a worker: return plain data"'.`,
  ],
  [
    `pool.map("closure", [1])`,
    `Argument of type '"closure"' is not assignable to parameter of type '"closure gives a function, which can't be sent back from a worker: return plain data"'.`,
  ],
  [
    `pool.map("makePoint", [1])`,
    `Argument of type '"makePoint"' is not assignable to parameter of type '"makePoint gives an object with methods (norm), which can't be sent back from a worker: return plain data"'.`,
  ],
  [
    `pool.map("maybePoint", [1])`,
    `Argument of type '"maybePoint"' is not assignable to parameter of type '"maybePoint gives an object with methods (norm), which can't be sent back from a worker: return plain data"'.`,
  ],
];

const RIGHT: readonly string[] = [
  `pool.tasks.increment.map([1]).then((results: number[]) => results)`,
  `pool.tasks.add.starmap([[1, 2]]).then((results: number[]) => results)`,
  `pool.tasks.add.apply([1, 2]).then((result: number) => result)`,
  `pool.map("greet", ["a"])`,
  `pool.map("either", [1])`,
  `pool.map("reports", [1])`,
  `pool.map("pair", [{ left: 1, right: 2, anything: 3 }])`,
  `pool.map("kinds", [null, new Date(), Buffer.of(1)])`,
  `pool.map("anything", [1])`,
  `pool.map("json", ["{}"])`,
  `pool.map("nested", [{ list: [{ id: "a" }] }])`,
  `pool.map("incrementAll", [[1], [2, 3]])`,
  `pool.map("increment", new Set([1]))`,
];

/** What the compiler said, by line of the calls. */
const said = new Map<number, string[]>();
const calls = [...WRONG.map(([call]) => call), ...RIGHT];

beforeAll(async () => {
  using project = new UserProject({
    "tasks.ts": TASKS,
    "main.ts": [
      `import { Pool } from "poolmq"; import * as tasks from "./tasks.ts"; const { Point } = tasks; const pool = new Pool<typeof tasks>(); void Point;`,
      ...calls.map((call) => `void ${call};`),
    ].join("\n"),
  });
  const output = await project.typeErrors();
  for (const [, line, message] of output.matchAll(/^main\.ts\((\d+),\d+\): error \w+: (.+(?:\n {2}.+)*)/gm)) {
    const at = Number(line) - 2;
    said.set(at, [
      ...(said.get(at) ?? []),
      (message ?? "").replaceAll(/\s+/g, " ").replaceAll(project.folder, "<folder>"),
    ]);
  }
  expect(output).not.toMatch(/^tasks\.ts/m);
});

describe("a wrong call is refused with one message", () => {
  test.each(WRONG.map(([call, message], index) => ({ call, message, index })))(
    "$call",
    ({ message, index }) => {
      expect(said.get(index)).toEqual([message]);
    },
  );
});

describe("a right call compiles", () => {
  test.each(RIGHT.map((call, index) => ({ call, index: WRONG.length + index })))("$call", ({ index }) => {
    expect(said.get(index)).toBeUndefined();
  });
});
