/**
 * Signatures on a worker machine: whatever it receives is checked before it is decoded or reaches a child, and whatever
 * it sends is signed. Without a `signingKey`, everything passes unchanged.
 *
 * A job that is refused is dropped without an outcome. If it replaced a genuine job, the producer finds that one missing,
 * and enqueues it again.
 */

import type { Logger } from "pino";

import {
  areSignedBytes,
  checkJob,
  contentOf,
  isFitting,
  sealOutcome,
  shareFacts,
  signJobState,
} from "@poolmq/shared/redis";
import type {
  JobData,
  OutcomeText,
  Payload,
  Signer,
  StoredJobData,
  WorkerAdvertisement,
} from "@poolmq/shared/internal";

import type { QueuedJob } from "../../queue/begun-jobs.ts";
import type { SharedValue } from "./kept-shares.ts";

export class JobSeals {
  readonly #signer: Signer | undefined;
  readonly #log: Logger;
  /** The digests of what the jobs in hand ask for. */
  readonly #contents = new WeakMap<QueuedJob, string>();

  constructor(signer: Signer | undefined, log: Logger) {
    this.#signer = signer;
    this.#log = log;
  }

  /** Whether jobs must be signed. */
  get required(): boolean {
    return this.#signer !== undefined;
  }

  /** Whether the job may run; if not, logs why. To be called before any default is filled in. */
  admits(job: QueuedJob): boolean {
    const data = job.data as StoredJobData;
    if (this.#signer === undefined) {
      // Its producer would ignore an outcome that is signed with another key.
      return (
        data.sig === undefined || this.#refuse(job, "it is signed, and this machine has no `signingKey`")
      );
    }
    const checked = checkJob(this.#signer, job.name, data, job.opts);
    if ("refused" in checked) return this.#refuse(job, checked.refused);
    this.#contents.set(job, checked.content);
    return true;
  }

  /** Whether the bytes of its arguments are those that its producer sent. */
  admitsBytes(job: QueuedJob, data: JobData, bytes: Buffer): boolean {
    if (this.#signer === undefined || areSignedBytes(data, bytes)) return true;
    return this.#refuse(job, "the bytes of its arguments are not those that were signed");
  }

  /** Logs that a job is dropped. */
  #refuse(job: QueuedJob, reason: string): false {
    this.#log.warn({ job: job.id, reason }, "job refused: not run, and not answered");
    return false;
  }

  outcome(job: QueuedJob, data: JobData, text: OutcomeText, bytes: Buffer | undefined): OutcomeText {
    if (this.#signer === undefined) return text;
    const content = this.#contents.get(job) ?? contentOf(job.name, data);
    return sealOutcome(this.#signer, data, content, text, bytes);
  }

  /** Signs the data of a job that runs again. */
  state(data: JobData): JobData {
    return this.#signer === undefined ? data : { ...signJobState(this.#signer, data), n: data.n };
  }

  progress(mapId: string, index: number, payload: Payload): Payload {
    return this.#signer?.seal("progress", [mapId, index], payload) ?? payload;
  }

  log(mapId: string, index: number, batch: string): string {
    return this.#signer?.seal("log", [mapId, index], batch) ?? batch;
  }

  /** Signs how many of its items a job keeps. */
  cut(mapId: string, at: number, items: number): string {
    return this.#signer?.seal("cut", [mapId, at], String(items)) ?? String(items);
  }

  /** A shared value as it is in Redis; `undefined` if it is not there, or is not what its producer sent. */
  share(id: string, stored: Buffer | null): SharedValue | undefined {
    if (stored === null) return undefined;
    const end = stored.indexOf("\n");
    const bytes = end === -1 ? undefined : stored.subarray(end + 1);
    const payload = stored.toString("utf8", 0, end === -1 ? stored.length : end);
    if (this.#signer === undefined) return { payload, bytes };
    const opened = this.#signer.open("share", shareFacts(id, bytes), payload);
    if (opened === undefined) this.#log.error({ share: id }, "shared value refused: it is not signed");
    return opened === undefined ? undefined : { payload: opened, bytes };
  }

  /** Whether a control message is to be obeyed. */
  obeys(message: { readonly expiresAt?: unknown; readonly sig?: unknown }): boolean {
    if (this.#signer === undefined) return true;
    const isGenuine = this.#signer.isGenuineObject("control", message);
    if (isGenuine && Number(message.expiresAt) >= Date.now()) return true;
    this.#log.warn("control message refused: it is not signed, or its signature has expired");
    return false;
  }

  advertisement(advertisement: WorkerAdvertisement): WorkerAdvertisement {
    if (this.#signer === undefined) return advertisement;
    return this.#signer.signObject("advertisement", { ...advertisement, keys: this.#signer.keyIds });
  }

  /** Whether a machine's advertisement is genuine. */
  believes(machine: WorkerAdvertisement): boolean {
    return this.#signer === undefined || isFitting(machine, this.#signer);
  }
}
