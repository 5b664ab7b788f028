/** Finds a failed item, with its arguments, in Redis. */

import type { Cluster, Redis } from "ioredis";

import type { SigningKeys } from "@poolmq/shared/internal";
import { areSignedBytes, checkJob, readFailedJob } from "@poolmq/shared/redis";
import type { QueueKeys, StoredFailedJob } from "@poolmq/shared/redis";

import { JobSeals } from "../job/context/job-seals.ts";
import { machineLog } from "../log/machine-log.ts";
import type { ReplayItem } from "./replay-item.ts";

/** The item; or why it can't be run, and whether that is because Redis has nothing of it. */
export type FoundItem =
  | { readonly item: ReplayItem }
  | { readonly problem: string; readonly isGone: boolean };

/** Where to look. */
export interface FailedItemPlace {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  /** Given if the queue's producers sign. A job without a valid signature is then not run. */
  readonly signingKeys: SigningKeys | undefined;
}

/** Looks for one item of a map. */
export async function findFailedItem(
  { redis, keys, signingKeys }: FailedItemPlace,
  mapId: string,
  index: number,
): Promise<FoundItem> {
  const stored = await readFailedJob(redis, keys, mapId, index);
  if (stored === undefined) {
    return gone(
      `Nothing is kept of item ${index} of ${mapId}: it did not fail, or the call has neither a \`mapId\` nor \`keepFailed\`, or it is not kept any more`,
    );
  }
  const signer = signingKeys?.signer(keys);
  const refused = refusalOf(stored, signer);
  if (refused !== undefined) {
    return { problem: `Item ${index} of ${mapId} is not run: ${refused}`, isGone: false };
  }
  const { task, data } = stored.job;
  const bytes = stored.bytes ?? undefined;
  if (bytes?.length !== data.bytes) return gone(`The arguments of item ${index} of ${mapId} are gone`);
  const seals = new JobSeals(signer, machineLog("silent", 2));
  const shares: ReplayItem["shares"][number][] = [];
  for (const [position, id, content] of stored.shares) {
    const value = seals.share(id, content);
    if (value === undefined) {
      return gone(
        `A shared value among the arguments of item ${index} of ${mapId} is gone: its pool has ended`,
      );
    }
    shares.push({ position, ...value });
  }
  const { at, n, args } = data;
  return { item: { task, mapId, index, offset: index - at, n, args, bytes, shares } };
}

function gone(problem: string): FoundItem {
  return { problem, isGone: true };
}

/** Why a job must not run here. A signature that has expired is accepted, because somebody asks for this very job. */
function refusalOf(
  { job: { task, data, opts }, bytes }: StoredFailedJob,
  signer: ReturnType<SigningKeys["signer"]> | undefined,
): string | undefined {
  if (signer === undefined) {
    if (data.sig === undefined) return undefined;
    return "it is signed. Give the key with --signing-key-file or POOLMQ_SIGNING_KEY";
  }
  const checked = checkJob(signer, task, data, opts, 0);
  if ("refused" in checked) return checked.refused;
  if (bytes === null || areSignedBytes(data, bytes)) return undefined;
  return "the bytes of its arguments are not those that were signed";
}
