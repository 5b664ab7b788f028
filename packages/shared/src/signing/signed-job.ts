/**
 * What of a job is signed, and how the outcome of a job is tied to it.
 *
 * - `content`: a digest of what is asked: task, map, place, arguments and the digest of their bytes. An outcome is signed
 *   together with the content that it answers, so it can't be given to another item, nor to another call that took the
 *   same `mapId`.
 * - `sig`: over the content, every other field of the data, the options that say how often the job is tried and
 *   which trace it belongs to, and `expiresAt`. A field that is added to the data later is signed without a change here.
 * - `stateSig`: over what is added between two runs, tied to the job's own `sig`.
 */

import { digestOf, digestOfBytes, SEAL_MARK, SIGNATURE_LENGTH } from "./signing.ts";
import type { Signer } from "./signing.ts";
import type { JobData, OutcomeText, StoredJobData } from "../wire.ts";

/** The options that BullMQ keeps beside a job's data and that affect how it is run. */
export interface SignedJobOptions {
  readonly attempts?: number | undefined;
  readonly priority?: number | undefined;
  readonly backoff?: unknown;
  readonly telemetry?: { readonly metadata?: string | undefined } | undefined;
}

/** Which call an outcome answers. */
type Question = Pick<StoredJobData, "map" | "at" | "n" | "args"> & {
  readonly shares?: JobData["shares"];
  readonly bytesDigest?: string | undefined;
};

/** A digest of what a job asks for. Which values its shared arguments have is left out: each producer sends its own. */
export function contentOf(
  task: string,
  { map, at, n = 1, shares = [], args, bytesDigest }: Question,
): string {
  const positions = shares.map(([position]) => position);
  return digestOf([task, map, at, n, positions, ...(bytesDigest === undefined ? [] : [bytesDigest])], args);
}

/** Gives the job's data, signed. */
export function signJob(
  signer: Signer,
  task: string,
  data: StoredJobData,
  options: SignedJobOptions,
  content: string = contentOf(task, data),
): StoredJobData {
  return { ...data, sig: signer.sign("job", jobFacts(content, data, options)) };
}

/**
 * Checks a job exactly as it was fetched, before any default is filled in.
 *
 * @returns its content, or why it must not run
 */
export function checkJob(
  signer: Signer,
  task: string,
  data: StoredJobData,
  options: SignedJobOptions,
  now: number = Date.now(),
): { readonly content: string } | { readonly refused: string } {
  const { sig, stateSig, expiresAt, kept, suspect, cut } = data;
  if (sig === undefined) return { refused: "it is not signed" };
  const content = contentOf(task, data);
  if (!signer.isGenuine("job", sig, jobFacts(content, data, options))) {
    return { refused: "its signature is not of a `signingKey` of this machine" };
  }
  if (typeof expiresAt !== "number" || expiresAt < now) return { refused: "its signature has expired" };
  const hasState = [kept, suspect, cut, stateSig].some((field) => field !== undefined);
  if (hasState && !signer.isGenuine("job-state", stateSig, stateFacts(data))) {
    return { refused: "what was kept of its earlier runs is not signed" };
  }
  return { content };
}

/** Signs what a supervisor has added to a job that runs again. */
export function signJobState(signer: Signer, data: StoredJobData): StoredJobData {
  const { stateSig: _, ...rest } = data;
  if (rest.kept === undefined && rest.suspect === undefined && rest.cut === undefined) return rest;
  return { ...rest, stateSig: signer.sign("job-state", stateFacts(rest)) };
}

/** Whether the bytes of a job's arguments are those that it was signed with. */
export function areSignedBytes({ bytesDigest }: JobData, bytes: Buffer): boolean {
  return bytesDigest === digestOfBytes(bytes);
}

/** The facts with which a shared value's payload is signed. */
export function shareFacts(shareId: string, bytes: Buffer | undefined): unknown[] {
  return [shareId, ...(bytes === undefined ? [] : [digestOfBytes(bytes)])];
}

/** An outcome, tied to the place and the content that it answers, and to its bytes. */
export function sealOutcome(
  signer: Signer,
  place: Pick<JobData, "map" | "at">,
  content: string,
  text: OutcomeText,
  bytes?: Buffer,
): OutcomeText {
  return SEAL_MARK + content + signer.sign("outcome", outcomeFacts(place, content, bytes), text) + text;
}

/** The outcome, and the content that it answers; `undefined` if it was not sealed for this place with one of the keys. */
export function openOutcome(
  signer: Signer,
  place: Pick<JobData, "map" | "at">,
  sealed: OutcomeText,
  bytes?: Buffer,
): { readonly content: string; readonly text: OutcomeText } | undefined {
  if (!sealed.startsWith(SEAL_MARK)) return undefined;
  const [contentEnd, end] = [1 + SIGNATURE_LENGTH, 1 + 2 * SIGNATURE_LENGTH];
  const content = sealed.slice(1, contentEnd);
  const text = sealed.slice(end);
  const facts = outcomeFacts(place, content, bytes);
  const isGenuine = signer.isGenuine("outcome", sealed.slice(contentEnd, end), facts, text);
  return isGenuine ? { content, text } : undefined;
}

/**
 * The text of an outcome, sealed or not, for watchers, who have no key. The signature is not checked, so nothing may be
 * decided by the text.
 */
export function peekAtOutcome(text: OutcomeText): OutcomeText {
  return text.startsWith(SEAL_MARK) ? text.slice(1 + 2 * SIGNATURE_LENGTH) : text;
}

function outcomeFacts(
  { map, at }: Pick<JobData, "map" | "at">,
  content: string,
  bytes: Buffer | undefined,
): unknown[] {
  return [map, at, content, ...(bytes === undefined ? [] : [digestOfBytes(bytes)])];
}

function jobFacts(content: string, data: StoredJobData, options: SignedJobOptions): unknown[] {
  const { sig: _sig, stateSig: _stateSig, kept: _kept, suspect: _suspect, cut: _cut, ...own } = data;
  // The other fields are covered by the digest of the content.
  const { map: _map, at: _at, n: _n, args: _args, ...rest } = own;
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const { attempts = 0, priority = 0, backoff, telemetry } = options;
  const { type, delay, jitter } = Object(backoff) as Readonly<Record<string, unknown>>;
  return [
    content,
    fields,
    attempts,
    priority,
    backoff === undefined ? null : [type, delay, jitter],
    telemetry?.metadata ?? null,
  ];
}

function stateFacts({ sig, kept, suspect, cut }: StoredJobData): unknown[] {
  return [sig, kept ?? null, suspect ?? null, ...(cut === undefined ? [] : [cut])];
}
