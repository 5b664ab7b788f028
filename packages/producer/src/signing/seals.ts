/**
 * Signatures at the producer: jobs and messages are signed, and everything from workers is checked before it is decoded.
 * Without a `signingKey`, everything passes unchanged.
 *
 * Entries that are not genuine are ignored, as if they had not come. An item with a forged outcome still gets its genuine
 * one, because a silent map looks for missing outcomes.
 */

import { SigningKeyError } from "@poolmq/shared";
import { digestOfBytes, MAX_PRIORITY, SEAL_MARK } from "@poolmq/shared/internal";
import { contentOf, openOutcome, sealOutcome, shareFacts, signJob, signJobState } from "@poolmq/shared/redis";
import type { ControlMessage, OutcomeText, Payload, Signer, StoredJobData } from "@poolmq/shared/internal";

import type { Chunk } from "../input/chunk.ts";

/** One of this many forged entries is logged. */
const ALARM_EVERY = 1_000;

interface SealOptions {
  readonly signer: Signer | undefined;
  readonly signatureTtlMs: number;
  /** Reports that somebody else writes to the queue's keys. */
  readonly alarm: (message: string) => void;
}

/** The fields of a map that are used here. */
interface Named {
  readonly id: string;
  readonly task: string;
}

/** An order, not checked yet. */
type ForeignOrder = Partial<Record<"t" | "map" | "reason" | "priority" | "expiresAt" | "sig", unknown>>;

export class Seals {
  readonly #signer: Signer | undefined;
  readonly #ttlMs: number;
  readonly #alarm: (message: string) => void;
  /** Digests of what chunks under way ask for, and of their bytes. */
  readonly #digests = new WeakMap<
    Chunk,
    { readonly content: string; readonly bytesDigest: string | undefined }
  >();
  #refusals = 0;

  constructor({ signer, signatureTtlMs, alarm }: SealOptions) {
    this.#signer = signer;
    this.#ttlMs = signatureTtlMs;
    this.#alarm = alarm;
  }

  /** Whether jobs and messages are signed. */
  get signs(): boolean {
    return this.#signer !== undefined;
  }

  job(map: Named, chunk: Chunk, data: StoredJobData, options: Parameters<typeof signJob>[3]): StoredJobData {
    if (this.#signer === undefined) return data;
    const { content, bytesDigest } = this.#digestsOf(map, chunk);
    const expiring = {
      ...data,
      ...(bytesDigest === undefined ? {} : { bytesDigest }),
      expiresAt: Date.now() + this.#ttlMs,
    };
    const signed = signJob(this.#signer, map.task, expiring, options, content);
    return data.cut === undefined ? signed : signJobState(this.#signer, signed);
  }

  control(message: ControlMessage): ControlMessage {
    if (this.#signer === undefined) return message;
    return this.#signer.signObject("control", { ...message, expiresAt: Date.now() + this.#ttlMs });
  }

  /** Gives a shared value in the form in which it is stored. */
  share(id: string, payload: Payload, bytes: Buffer | undefined): string | Buffer {
    const sealed = this.#signer?.seal("share", shareFacts(id, bytes), payload) ?? payload;
    return bytes === undefined ? sealed : Buffer.concat([Buffer.from(`${sealed}\n`), bytes]);
  }

  /** Signs an outcome of an item that was not enqueued. */
  outcomeHere(map: Named, at: number, text: OutcomeText): OutcomeText {
    if (this.#signer === undefined) return text;
    const content = contentOf(map.task, { map: map.id, at, n: 1, args: "" });
    return sealOutcome(this.#signer, { map: map.id, at }, content, text);
  }

  /**
   * Gives the outcome of a chunk; `undefined` if it is not genuine.
   *
   * @param chunk - the chunk, if it is known here
   * @throws SigningKeyError if it is signed, and this producer has no key
   */
  open(
    map: Named,
    at: number,
    { text, bytes }: { readonly text: OutcomeText; readonly bytes?: Buffer | undefined },
    chunk: Chunk | undefined,
  ): OutcomeText | undefined {
    if (this.#signer === undefined) {
      if (!text.startsWith(SEAL_MARK)) return text;
      throw new SigningKeyError({ problem: "map has another", mapId: map.id });
    }
    const opened = openOutcome(this.#signer, { map: map.id, at }, text, bytes);
    if (opened === undefined) return this.#refuse("outcome");
    // The signature is valid, but may be of an earlier map with the same id.
    if (chunk !== undefined && opened.content !== this.#digestsOf(map, chunk).content) {
      return this.#refuse("outcome");
    }
    return opened.text;
  }

  progress(mapId: string, index: number, text: string): Payload | undefined {
    if (this.#signer === undefined) return text;
    return this.#signer.open("progress", [mapId, index], text) ?? this.#refuse("progress");
  }

  /** Reads a control message that ends a map. Gives its reason; `undefined` if it is not genuine. */
  cancel(mapId: string, json: string): string | undefined {
    const message = this.#order("cancel", mapId, json);
    if (message === undefined) return undefined;
    return typeof message.reason === "string" ? message.reason : "from outside";
  }

  /** Reads a control message with a map's priority, 0 for none. Gives `undefined` if it is not genuine. */
  priority(mapId: string, json: string): number | undefined {
    const priority = Number(this.#order("priority", mapId, json)?.priority);
    return Number.isInteger(priority) && priority >= 0 && priority <= MAX_PRIORITY ? priority : undefined;
  }

  #order(t: "cancel" | "priority", mapId: string, json: string): ForeignOrder | undefined {
    let message: ForeignOrder;
    try {
      message = Object(JSON.parse(json)) as ForeignOrder;
    } catch {
      return undefined;
    }
    if (message.t !== t || message.map !== mapId) return undefined;
    if (this.#signer !== undefined) {
      const isGenuine = this.#signer.isGenuineObject("control", message);
      if (!isGenuine || !(Number(message.expiresAt) >= Date.now())) return this.#refuse(t);
    }
    return message;
  }

  log(mapId: string, index: number, text: string): string | undefined {
    if (this.#signer === undefined) return text;
    return this.#signer.open("log", [mapId, index], text) ?? this.#refuse("log");
  }

  /** Reads how many items a chunk keeps. Gives `undefined` if the text is not genuine. */
  cut(mapId: string, at: number, text: string): number | undefined {
    const items = Number(this.#signer === undefined ? text : this.#signer.open("cut", [mapId, at], text));
    return Number.isInteger(items) ? items : this.#refuse("cut");
  }

  /** The signature on a map's number of items; `""` without a key. */
  total(mapId: string, total: number): string {
    return this.#signer?.sign("total", [mapId, total]) ?? "";
  }

  /** Whether an entry that says how many items there are is genuine. */
  isTotal(mapId: string, total: number, signature: string | undefined): boolean {
    if (this.#signer === undefined) return true;
    if (this.#signer.isGenuine("total", signature, [mapId, total])) return true;
    this.#refuse("total");
    return false;
  }

  /** Checks the total of a map that was found. @throws SigningKeyError if it is not genuine */
  checkTotal(mapId: string, total: number, signature: string): void {
    const problem = signature === "" ? "map has none" : "map has another";
    const fits =
      this.#signer === undefined
        ? signature === ""
        : this.#signer.isGenuine("total", signature, [mapId, total]);
    if (!fits) throw new SigningKeyError({ problem, mapId });
  }

  #digestsOf(
    map: Named,
    chunk: Chunk,
  ): { readonly content: string; readonly bytesDigest: string | undefined } {
    let digests = this.#digests.get(chunk);
    if (digests === undefined) {
      const bytesDigest = chunk.bytes === undefined ? undefined : digestOfBytes(chunk.bytes);
      digests = { content: contentOf(map.task, { map: map.id, ...chunk, bytesDigest }), bytesDigest };
      this.#digests.set(chunk, digests);
    }
    return digests;
  }

  #refuse(what: "outcome" | "progress" | "log" | "cut" | "total" | "cancel" | "priority"): undefined {
    if (this.#refusals++ % ALARM_EVERY === 0) {
      this.#alarm(
        `Something that is not signed with this pool's \`signingKey\` came as the ${what} of a map, and was ignored: ` +
          "somebody else writes to this queue in Redis, or a worker has another key",
      );
    }
    return undefined;
  }
}
