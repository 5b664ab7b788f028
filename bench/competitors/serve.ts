/** The loop of a competitor's program: answers requests until stdin ends, then closes. */

import { createInterface } from "node:readline";

import type { Handlers, OperationName, Setup } from "./operations.ts";

export function readSetup(): Setup {
  return JSON.parse(process.argv[2] ?? "") as Setup;
}

export async function serve(handlers: Handlers, close: () => Promise<void>): Promise<void> {
  answer({ ready: true });
  let isCollected = false;
  for await (const line of createInterface({ input: process.stdin })) {
    const { operation, request } = JSON.parse(line) as { operation: OperationName; request: never };
    // Collects the garbage of the last request, which would otherwise slow this one down. Needs --expose-gc.
    if (!isCollected) globalThis.gc?.();
    isCollected = operation === "collect";
    const handler = handlers[operation];
    if (isCollected) answer({});
    else if (handler === undefined) answer({ error: `no such operation: ${operation}` });
    else await handler(request).then(answer, (error: unknown) => answer({ error: String(error) }));
  }
  await close();
  process.exit(0);
}

function answer(reply: object): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
