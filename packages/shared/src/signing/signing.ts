/**
 * Signatures on what travels through Redis: HMAC-SHA256 with keys that producers and workers share and Redis never
 * sees. An attacker who can write to Redis but has no key can then neither have a function run nor forge its result.
 *
 * - A key of each purpose is derived (HKDF) from the `signingKey` and the queue: what was signed as one thing, or on one
 *   queue, is worth nothing as another.
 * - What is signed is `JSON of the facts` LF `text`. JSON written by `JSON.stringify` never holds a raw LF, so that no
 *   two pairs of facts and text are the same bytes.
 * - Of several keys the first signs, and all of them are accepted: that is how keys are changed without a stop.
 */

import { createHmac, createSecretKey, hash, hkdfSync, timingSafeEqual } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { InvalidOptionError } from "../errors/call-errors.ts";
import type { QueueKeys } from "../store/keys/keys.ts";
import { toJson } from "../values/to-json.ts";

/** What is signed. Each purpose has a key of its own. */
export type SigningPurpose =
  | "job"
  | "job-state"
  | "outcome"
  | "progress"
  | "log"
  | "cut"
  | "total"
  | "share"
  | "control"
  | "advertisement";

/** As long as the hash. A shorter key would be easier to guess than a signature. */
const MIN_KEY_BYTES = 32;

/** The most keys that may be given: checking a forged text costs one hash for each. */
const MAX_KEYS = 8;

/** Length of a SHA-256 in base64url. */
export const SIGNATURE_LENGTH = 43;

/** Stands before a sealed text. No payload and no outcome begins with it. */
export const SEAL_MARK = "#";

/** Keys as they were configured. Prints and serialises without them. */
export class SigningKeys {
  // Private, so that neither a log line nor inspected options show them.
  readonly #keys: readonly string[];

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** Signs and checks what travels on a queue. */
  signer(queue: QueueKeys): Signer {
    return new Signer(this.#keys, queue);
  }

  /** The keys themselves, to hand them to another process of poolmq. */
  reveal(): string[] {
    return [...this.#keys];
  }
}

/**
 * Finds the signing keys: the option, else `POOLMQ_SIGNING_KEY` (one key a line), else undefined. An empty variable counts
 * as unset.
 *
 * @throws InvalidOptionError that does not show the key
 */
export function resolveSigningKeys(
  option: unknown,
  env: Readonly<Record<string, string | undefined>> = process.env,
): SigningKeys | undefined {
  if (option !== undefined) return checkKeys(Array.isArray(option) ? option : [option], "signingKey");
  const lines = readKeyLines(env["POOLMQ_SIGNING_KEY"] ?? "");
  return lines.length === 0 ? undefined : checkKeys(lines, "POOLMQ_SIGNING_KEY");
}

/** Gives the keys of a text that has one on each line. */
export function readKeyLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function checkKeys(keys: readonly unknown[], name: string): SigningKeys {
  const expected = `Expected \`${name}\` to be a secret of ${MIN_KEY_BYTES} bytes or more (make one with: openssl rand -base64 32)`;
  if (keys.length < 1 || keys.length > MAX_KEYS) {
    throw new InvalidOptionError(`${expected}, or 1 to ${MAX_KEYS} of them, got ${keys.length}`);
  }
  for (const key of keys) {
    if (typeof key !== "string") throw new InvalidOptionError(`${expected}, got ${typeof key}`);
    const bytes = Buffer.byteLength(key);
    if (bytes < MIN_KEY_BYTES) throw new InvalidOptionError(`${expected}, got one of ${bytes} bytes`);
  }
  return new SigningKeys(keys as readonly string[]);
}

/** Signs and checks what travels on one queue. */
export class Signer {
  /** Names of the keys, which do not reveal them. Two sides that know the same name have the same key. */
  readonly keyIds: readonly string[];
  readonly #keys: readonly { readonly secret: string; readonly derived: Map<SigningPurpose, KeyObject> }[];
  readonly #salt: string;

  constructor(keys: readonly string[], queue: QueueKeys) {
    // The pattern of a queue's keys tells prefix and name apart, so that no two queues have the same salt.
    this.#salt = queue.pattern;
    this.#keys = keys.map((secret) => ({ secret, derived: new Map() }));
    this.keyIds = keys.map((secret) => derive(secret, this.#salt, "id").toString("base64url").slice(0, 12));
  }

  /** The signature on these facts and text, for one purpose. */
  sign(purpose: SigningPurpose, facts: readonly unknown[], text = ""): string {
    return this.#mac(0, purpose, facts, text);
  }

  /** Whether one of the keys made this signature. */
  isGenuine(
    purpose: SigningPurpose,
    signature: unknown,
    facts: readonly unknown[],
    text = "",
  ): signature is string {
    if (typeof signature !== "string" || signature.length !== SIGNATURE_LENGTH) return false;
    const given = Buffer.from(signature);
    if (given.length !== SIGNATURE_LENGTH) return false;
    return this.#keys.some((_, at) =>
      timingSafeEqual(given, Buffer.from(this.#mac(at, purpose, facts, text))),
    );
  }

  /** The text with its signature in front. */
  seal(purpose: SigningPurpose, facts: readonly unknown[], text: string): string {
    return SEAL_MARK + this.sign(purpose, facts, text) + text;
  }

  /** The text that was sealed; `undefined` if it was not sealed with one of the keys. */
  open(purpose: SigningPurpose, facts: readonly unknown[], sealed: string): string | undefined {
    if (!sealed.startsWith(SEAL_MARK)) return undefined;
    const text = sealed.slice(1 + SIGNATURE_LENGTH);
    return this.isGenuine(purpose, sealed.slice(1, 1 + SIGNATURE_LENGTH), facts, text) ? text : undefined;
  }

  /** The object with its signature as its field `sig`. */
  signObject<T extends object>(purpose: SigningPurpose, object: T): T & { readonly sig: string } {
    return { ...object, sig: this.sign(purpose, [], toJson(object)) };
  }

  /** Whether one of the keys signed the object, which may have travelled as JSON. */
  isGenuineObject(purpose: SigningPurpose, { sig, ...object }: { readonly sig?: unknown }): boolean {
    return this.isGenuine(purpose, sig, [], toJson(object));
  }

  #mac(at: number, purpose: SigningPurpose, facts: readonly unknown[], text: string): string {
    const entry = this.#keys[at];
    if (entry === undefined) throw new Error("unreachable: a signer has at least one key");
    let key = entry.derived.get(purpose);
    if (key === undefined) {
      key = createSecretKey(derive(entry.secret, this.#salt, purpose));
      entry.derived.set(purpose, key);
    }
    return createHmac("sha256", key)
      .update(`${toJson(facts)}\n`)
      .update(text)
      .digest("base64url");
  }
}

/** The digest of a text that follows its facts, unambiguously. */
export function digestOf(facts: readonly unknown[], text: string): string {
  return hash("sha256", `${toJson(facts)}\n${text}`, "base64url");
}

/** The digest of bytes that belong to something signed. */
export function digestOfBytes(bytes: Buffer): string {
  return hash("sha256", bytes, "base64url");
}

function derive(secret: string, salt: string, purpose: SigningPurpose | "id"): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, salt, `poolmq 1 ${purpose}`, 32));
}
