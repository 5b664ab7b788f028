/** When a child rings, because its supervisor does not read at once what it says. */

import { expect, test } from "vitest";

import { makeClaims } from "../../../../packages/worker/src/child/queue/claims.ts";
import { RunQueue } from "../../../../packages/worker/src/child/queue/run-queue.ts";
import { ItemContexts } from "../../../../packages/worker/src/item/item-context.ts";
import type { WayOut } from "../../../../packages/worker/src/item/way-out.ts";
import type { ToChild } from "../../../../packages/worker/src/pipe/pipe-messages.ts";
import { readTaskModule } from "../../../../packages/worker/src/tasks-module/task-module.ts";
import { until } from "../../../support/until.ts";

/** A queue whose runs end when they are told to, and what it said and rang, in order. */
function aQueue(): {
  send: (id: number, isQuiet: boolean) => void;
  end: (value?: string) => void;
  said: string[];
} {
  const said: string[] = [];
  const ends: ((value: string) => void)[] = [];
  const out: WayOut = {
    send: (message) => void said.push("id" in message ? `${message.t} ${message.id}` : message.t),
    flush: () => {},
    drained: () => Promise.resolve(),
    end: () => {},
  };
  const waits = (): Promise<string> => new Promise((resolve) => void ends.push(resolve));
  const queue = new RunQueue(
    readTaskModule({ waits }),
    out,
    new ItemContexts(out, undefined, { level: "info", fd: 1 }),
    {
      workerId: "w",
      concurrency: 1,
      outcomeLimit: undefined,
      redactStacks: false,
      claims: makeClaims(16),
      batches: undefined,
      residentBytes: () => undefined,
      onBroken: (error) => void said.push(String(error)),
      onRunEnd: () => {},
      onIdle: () => {},
      ring: () => void said.push("ring"),
    },
  );
  return {
    said,
    send(id, isQuiet) {
      const run: ToChild = { t: "run", id, slot: id, fn: "waits", map: "m", at: id, n: 1, attempt: 1 };
      queue.take(isQuiet ? { ...run, quiet: true } : run, "[[1]]", undefined);
    },
    end: (value = "") => ends.shift()?.(value),
  };
}

test("it rings once it begins the last run that it has, if that came as quiet", async () => {
  const { send, end, said } = aQueue();
  send(1, false);
  send(2, true);
  send(3, true);
  expect(said).toEqual(["begun 1"]);
  end();
  await until(() => said.includes("done 1"), { what: "the queue to say it" });
  expect(said).not.toContain("ring");
  end();
  await until(() => said.includes("ring"), { what: "the queue to say it" });
  expect(said).toEqual(["begun 1", "done 1", "done 2", "ring"]);
  // It is heard again.
  end();
  await until(() => said.includes("done 3"), { what: "the queue to say it" });
  expect(said.filter((what) => what === "ring")).toHaveLength(1);
});

test("it does not ring if the last run came as one that is heard", async () => {
  const { send, end, said } = aQueue();
  send(1, true);
  send(2, false);
  end();
  await until(() => said.includes("done 1"), { what: "the queue to say it" });
  end();
  await until(() => said.includes("done 2"), { what: "the queue to say it" });
  // Only the first one, which was alone when it came.
  expect(said.filter((what) => what === "ring")).toHaveLength(1);
});

test("it rings if it has said something large", async () => {
  const { send, end, said } = aQueue();
  send(1, true);
  send(2, true);
  send(3, true);
  expect(said).toEqual(["begun 1", "ring"]);
  end("x".repeat(10_000));
  await until(() => said.filter((what) => what === "ring").length === 2, { what: "the queue to say it" });
  expect(said).toEqual(["begun 1", "ring", "done 1", "ring"]);
});
