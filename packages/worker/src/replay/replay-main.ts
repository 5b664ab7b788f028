/**
 * The process in which an item is run once more. It has the user's terminal, and everything that a worker's child process
 * has: the tasks module with its initializer, the arguments, the task's context, the same environment variables. It has
 * no time limit, since somebody may be thinking in a debugger.
 */

import { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { inspect } from "node:util";

import { TasksModuleError } from "@poolmq/shared";
import { decode } from "@poolmq/shared/task";

import { ItemArguments } from "../item/item-arguments.ts";
import { runItem } from "../item/run-item.ts";
import { taskLogger } from "../item/task-logger.ts";
import { Turn } from "../task/task-context.ts";
import type { TaskContext } from "../task/task-context.ts";
import { loadTaskModule } from "../tasks-module/task-module.ts";
import type { TaskFunction } from "../tasks-module/task-module.ts";
import { userStack } from "../tasks-module/user-stack.ts";
import { readOrder } from "./replay-item.ts";
import type { ReplayItem } from "./replay-item.ts";

const { item, module: path, pauses } = readOrder(await buffer(new Socket({ fd: 3, readable: true })));
const module = await orEnd("load", async () => await loadTaskModule(path));
const fn = module.tasks.get(item.task);
if (fn === undefined) {
  const names = [...module.tasks.keys()].join(", ");
  say(`Expected ${path} to export the function "${item.task}" of the map, got ${names}`);
  process.exit(2);
}
await orEnd("initializer", async () => void (await module.initializer?.()));
const args = argumentsOf(item);
say(`${item.task}(${args.map((arg) => short(arg)).join(", ")})`);
const ran = await runItem(
  pauses ? pausing(fn) : fn,
  args,
  new Turn(() => contextOf(item), item.index),
  undefined,
);
if (ran.ok) {
  say("returned");
  process.stdout.write(`${inspect(ran.value, { depth: 4, colors: process.stdout.isTTY })}\n`);
} else {
  say("threw");
  process.stderr.write(`${inspect(ran.thrown, { colors: process.stderr.isTTY })}\n`);
}
await module.finalizer?.();
process.exit(ran.ok ? 0 : 1);

/** Ends the process in a sentence if the module fails: Node would report it as a crash of this file. */
async function orEnd<V>(phase: "load" | "initializer", step: () => Promise<V>): Promise<V> {
  try {
    return await step();
  } catch (cause) {
    say(new TasksModuleError({ module: path, phase, cause }).message);
    const stack = userStack(cause);
    if (stack !== undefined) process.stderr.write(`${stack}\n`);
    process.exit(1);
  }
}

/** Reports progress on stderr, because a program may read stdout. */
function say(text: string): void {
  process.stderr.write(`poolmq: ${text}\n`);
}

function short(value: unknown): string {
  return inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 5, maxStringLength: 80 });
}

function argumentsOf({ args: encoded, bytes, n, offset, shares }: ReplayItem): readonly unknown[] {
  const values = shares.map(({ position, payload, bytes: own }) => {
    return [position, decode(payload, { bytes: own === undefined ? undefined : Buffer.from(own) })] as const;
  });
  const text = { args: encoded, bytes: bytes === undefined ? undefined : Buffer.from(bytes) };
  return new ItemArguments(text, n, values).of(offset);
}

function contextOf({ task, mapId, index }: ReplayItem): TaskContext {
  const facts = { mapId, index, attempt: 1 };
  return {
    ...facts,
    signal: new AbortController().signal,
    get log() {
      return taskLogger({ ...facts, task }, { level: "trace", fd: 2 });
    },
    progress: (value) => say(`progress: ${short(value)}`),
  };
}

/** Wraps the task so that the debugger stops one step before its function. */
function pausing(task: TaskFunction): TaskFunction {
  return (...values) => {
    // oxlint-disable-next-line no-debugger -- that is what was asked for
    debugger;
    return task(...values);
  };
}
