/** The tasks for competitors whose jobs are JSON, so that buffers are base64. */

import { echo, increment, spin, wait } from "../tasks.ts";

const TASKS = {
  increment,
  spin,
  wait,
  echo: (text: string) => echo(Buffer.from(text, "base64")).toString("base64"),
};

export async function runByName(name: string, item: unknown): Promise<unknown> {
  return await TASKS[name as keyof typeof TASKS](item as never);
}
