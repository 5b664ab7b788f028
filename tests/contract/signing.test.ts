/** What is signed, and how, is pinned: peers of two versions with the same key must believe each other. */

import { resolveSigningKeys, digestOfBytes, type JobData } from "@poolmq/shared/internal";
import { queueKeys, sealOutcome, contentOf, shareFacts, signJob, signJobState } from "@poolmq/shared/redis";
import { test } from "vitest";

import { expectGolden } from "../support/golden.ts";

test("signatures", async () => {
  const signer = resolveSigningKeys("of the tests, and of nobody else at all", {})?.signer(
    queueKeys("queue"),
  );
  if (signer === undefined) throw new Error("no key");
  const data: JobData = {
    v: 1,
    map: "map",
    at: 2,
    n: 1,
    args: "[[1]]",
    ttlMs: 600_000,
    timeoutMs: 5,
    shares: [[1, "share"]],
    expiresAt: 1_800_000_000_000,
  };
  const options = { attempts: 2, priority: 3, backoff: { type: "fixed", delay: 4, jitter: 0 } };
  const job = signJob(signer, "task", data, options);
  await expectGolden("signatures", {
    keyIds: signer.keyIds,
    job,
    plain: signJob(signer, "task", { ...data, timeoutMs: 6 }, {}),
    runAgain: signJobState(signer, { ...job, suspect: { offset: 0, losses: 1 } }),
    content: contentOf("task", data),
    outcome: sealOutcome(signer, data, contentOf("task", data), "=[1]"),
    withBytes: signJob(
      signer,
      "task",
      { ...data, bytes: 1, bytesDigest: digestOfBytes(Buffer.from("x")) },
      options,
    ),
    outcomeWithBytes: sealOutcome(signer, data, contentOf("task", data), "=@0+1", Buffer.from("x")),
    shareWithBytes: signer.seal("share", shareFacts("share", Buffer.from("x")), "@0+1"),
    progress: signer.seal("progress", ["map", 2], "0.5"),
    total: signer.sign("total", ["map", 3]),
    share: signer.seal("share", ["share"], "[1]"),
    control: signer.signObject("control", { t: "cancel", map: "map", expiresAt: 1_800_000_000_000 }),
    advertisement: signer.signObject("advertisement", { v: 1, id: "worker", keys: signer.keyIds }),
  });
});
