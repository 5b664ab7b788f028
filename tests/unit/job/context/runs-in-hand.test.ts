import { expect, test } from "vitest";

import type { RunEnd } from "@poolmq/worker/internal";

import { RunsInHand } from "../../../../packages/worker/src/job/context/runs-in-hand.ts";

const END: RunEnd = { kind: "unstarted" };

test("a job that comes again while it runs is not begun again; who has it last gets its end", async () => {
  const runs = new RunsInHand();
  const under = Promise.withResolvers<RunEnd>();
  let begun = 0;
  const begin = async (): Promise<RunEnd> => {
    begun++;
    return await under.promise;
  };
  const ends = ["t1", "t2", "t3"].map(async (token) => await runs.run("m-0", token, begin));
  under.resolve(END);
  expect(await Promise.all(ends)).toEqual(["taken over", "taken over", END]);
  expect(begun).toBe(1);
});

test("a job that comes again after it ran is begun anew", async () => {
  const runs = new RunsInHand();
  let begun = 0;
  const begin = async (): Promise<RunEnd> => {
    begun++;
    return await Promise.resolve(END);
  };
  expect(await runs.run("m-0", "t1", begin)).toBe(END);
  expect(await runs.run("m-0", "t2", begin)).toBe(END);
  expect(begun).toBe(2);
});
