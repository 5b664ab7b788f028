/** Runs an item once more, in a process of its own under this terminal. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { childEnvironment } from "../host/child-environment.ts";
import { besideThis, nodeFlags } from "../node-command.ts";
import { writeOrder } from "./replay-item.ts";
import type { ReplayOrder } from "./replay-item.ts";

/** Signals that are passed on to the item's process when they are sent to this process only. */
const PASSED_ON = ["SIGTERM", "SIGHUP"] as const;

/** How the process that ran the item has ended. */
export interface ReplayEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ReplayHow {
  /** Environment variables for the tasks, in addition to those that they always get. */
  readonly env: Readonly<Record<string, string>>;
  /** Wait for a debugger at this address, and stop in it before the function is called. @defaultValue no debugger */
  readonly inspectAt: string | undefined;
}

/**
 * Resolves when the process has ended. The process has this terminal, so that the user sees what the task prints and
 * answers what it asks.
 */
export async function runHere(
  order: Omit<ReplayOrder, "pauses">,
  { env, inspectAt }: ReplayHow,
): Promise<ReplayEnd> {
  const inspects = inspectAt === undefined ? [] : [`--inspect-wait=${inspectAt}`];
  const main = fileURLToPath(besideThis(import.meta.url, "../replay/replay-main"));
  const child = spawn(process.execPath, [...nodeFlags(), ...inspects, main], {
    // Descriptor 3 brings the item, because every user of the machine can see command-line arguments.
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: childEnvironment("replay", env),
  });
  const ignore = (): void => {};
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  // Ctrl-C in a terminal reaches both processes. The task decides what it leads to; this process waits for the other's
  // end.
  process.on("SIGINT", ignore);
  for (const signal of PASSED_ON) process.on(signal, passOn);
  const line = child.stdio[3] as NodeJS.WritableStream;
  line.on("error", ignore); // the process has ended, which is reported below
  line.end(writeOrder({ ...order, pauses: inspectAt !== undefined }));
  const [exitCode, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  process.off("SIGINT", ignore);
  for (const signal of PASSED_ON) process.off(signal, passOn);
  return { exitCode, signal };
}
