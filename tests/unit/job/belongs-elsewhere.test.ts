import type { WorkerAdvertisement } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

import { belongsElsewhere } from "../../../packages/worker/src/job/belongs-elsewhere.ts";
import type { JobContext, JobInHand } from "../../../packages/worker/src/job/context/job-context.ts";

/** A backup of the chunk at 5, on a machine called "here". */
async function asked(facts: {
  /** Jobs that run here. */
  readonly running: readonly string[];
  /** Tasks of the other machine; none if there is no other. */
  readonly others: Readonly<Record<string, object>> | undefined;
  /** How often the job was fetched. */
  readonly fetched?: number;
  readonly codeVersion?: string;
}): Promise<boolean> {
  const live = [
    { id: "here", tasks: { task: { arity: 1 } }, codeVersion: "v1" },
    ...(facts.others === undefined ? [] : [{ id: "there", tasks: facts.others, codeVersion: "v1" }]),
  ] as unknown as WorkerAdvertisement[];
  const context = {
    machine: { id: "here" },
    runs: { has: (jobId: string) => facts.running.includes(jobId) },
    fleet: { live: () => Promise.resolve(live) },
    seals: { believes: () => true },
  } as unknown as JobContext;
  const hand = {
    job: { name: "task", attemptsStarted: facts.fetched ?? 1 },
    data: { map: "m", at: 5, codeVersion: facts.codeVersion },
  } as unknown as JobInHand;
  return await belongsElsewhere(context, hand);
}

const task = { task: { arity: 1 } };

test("a backup belongs on another machine than the one that runs the chunk", async () => {
  expect(await asked({ running: ["m-5"], others: task })).toBe(true);
  expect(await asked({ running: ["m-6"], others: task })).toBe(false);
});

test("if no other machine can run it, it runs here", async () => {
  expect(await asked({ running: ["m-5"], others: undefined })).toBe(false);
  expect(await asked({ running: ["m-5"], others: { other: { arity: 1 } } })).toBe(false);
  expect(await asked({ running: ["m-5"], others: task, codeVersion: "v2" })).toBe(false);
  expect(await asked({ running: ["m-5"], others: task, codeVersion: "v1" })).toBe(true);
});

test("if the others were too busy to take it several times, it runs here", async () => {
  expect(await asked({ running: ["m-5"], others: task, fetched: 5 })).toBe(true);
  expect(await asked({ running: ["m-5"], others: task, fetched: 6 })).toBe(false);
});
