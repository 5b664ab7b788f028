/**
 * When a child rings, because its supervisor does not read at once what it says, and when the runs of a batch are begun and sent.
 */

import { expect, test, vi } from "vitest";

import { defineBatchTask } from "@poolmq/worker";

import { Batches } from "../../../../packages/worker/src/batch/batches.ts";
import { makeClaims } from "../../../../packages/worker/src/child/queue/claims.ts";
import { RunQueue } from "../../../../packages/worker/src/child/queue/run-queue.ts";
import { ItemContexts } from "../../../../packages/worker/src/item/item-context.ts";
import type { WayOut } from "../../../../packages/worker/src/item/way-out.ts";
import type { ToChild } from "../../../../packages/worker/src/pipe/pipe-messages.ts";
import { readTaskModule } from "../../../../packages/worker/src/tasks-module/task-module.ts";
import { useFakeTimers } from "../../../support/fake-timers.ts";
import { until } from "../../../support/until.ts";

type Options = ConstructorParameters<typeof RunQueue>[3];

/** A queue of one place. What breaks it is thrown into the test. */
function queueOf(
  tasks: Readonly<Record<string, unknown>>,
  out: WayOut,
  more: Partial<Pick<Options, "batches" | "ring">>,
): RunQueue {
  return new RunQueue(
    readTaskModule(tasks),
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
      onBroken: (error) => {
        throw error;
      },
      onRunEnd: () => {},
      onIdle: () => {},
      ...more,
    },
  );
}

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
  const queue = queueOf({ waits }, out, { ring: () => void said.push("ring") });
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

/** A queue of batches of up to 4 items that take `ms`: the sizes of the calls, and what was said in one piece. */
function batchesOf(ms: number): { send: (...ids: number[]) => void; sizes: number[]; pieces: string[][] } {
  const sizes: number[] = [];
  const pieces: string[][] = [];
  let unsent: string[] = [];
  const out: WayOut = {
    send: (message) => void ("id" in message && unsent.push(`${message.t} ${message.id}`)),
    flush: () => {
      if (unsent.length > 0) pieces.push(unsent);
      unsent = [];
    },
    drained: () => Promise.resolve(),
    end: () => {},
  };
  const waits = defineBatchTask(
    async (items: number[]) => {
      sizes.push(items.length);
      await new Promise((resolve) => setTimeout(resolve, ms));
      return items;
    },
    { maxItems: 4 },
  );
  const queue = queueOf({ waits }, out, { batches: Batches });
  return {
    sizes,
    pieces,
    send(...ids) {
      for (const id of ids) {
        const run = { t: "run", id, slot: id, fn: "waits", map: "m", at: id, n: 1, attempt: 1 } as const;
        queue.take({ ...run, together: true }, "[[1]]", undefined);
      }
    },
  };
}

test("what the runs of a batch came to is sent together", async () => {
  useFakeTimers();
  const { send, pieces } = batchesOf(40);
  send(1, 2, 3);
  await vi.advanceTimersByTimeAsync(60);
  expect(pieces.flat().filter((what) => what.startsWith("done"))).toHaveLength(3);
  expect(pieces.at(-1)).toEqual(["done 1", "done 2", "done 3"]);
});

test("a batch that follows another one waits a moment for the items that come after its first ones", async () => {
  useFakeTimers();
  const { send, sizes } = batchesOf(40);
  send(1, 2, 3, 4);
  await vi.advanceTimersByTimeAsync(45);
  send(5);
  await vi.advanceTimersByTimeAsync(2);
  send(6, 7);
  await vi.advanceTimersByTimeAsync(2);
  send(8);
  await vi.advanceTimersByTimeAsync(50);
  expect(sizes).toEqual([4, 4]);
  // Not for longer than ten milliseconds after that one, or than a quarter of its time.
  send(9);
  await vi.advanceTimersByTimeAsync(10);
  expect(sizes).toEqual([4, 4, 1]);
});

test("a call that follows a single one does not wait for others", async () => {
  useFakeTimers();
  const { send, sizes } = batchesOf(40);
  send(1);
  await vi.advanceTimersByTimeAsync(41);
  send(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(sizes).toEqual([1, 1]);
});
