/**
 * The last lines of machines' logs, in a stream to which machines write while somebody listens. It is short and expires,
 * so that Redis holds some megabytes of it at most.
 */

import type { Cluster, Redis } from "ioredis";

import { unlessFull } from "../../redis/refusal.ts";
import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";
import type { ControlMessage } from "../../wire-control.ts";
import type { LineBatch } from "../../wire-watch.ts";
import { WATCH_TTL_MS } from "../keys/durations.ts";
import type { QueueKeys } from "../keys/keys.ts";
import { parseObject } from "./parse-object.ts";
import { toJson } from "../../values/to-json.ts";

/** Batches that the stream holds, of all machines together. A listener reads several times a second. */
const MAX_BATCHES = 512;

/** How long the stream outlives the last line, in ms. */
const LINES_TTL_MS = 30_000;

/** KEYS: logs. ARGV: batch, how many to keep, how long. */
const WRITE: Script = {
  lua: `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'b', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`,
};

export class MachineLines {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Adds lines of a machine's log. */
  async write(batch: LineBatch): Promise<void> {
    const args = [toJson(batch), MAX_BATCHES, LINES_TTL_MS];
    await runScript(this.#redis, WRITE, [this.#keys.logs], args);
  }

  /** Asks machines for their lines for some seconds more. @param isNew - asks for the lines that they have kept, too */
  async listen(isNew: boolean): Promise<void> {
    await unlessFull(this.#redis.set(this.#keys.listen, "1", "PX", WATCH_TTL_MS));
    if (!isNew) return;
    await this.#redis.publish(this.#keys.control, toJson({ t: "listen" } satisfies ControlMessage));
  }

  /** Gives the batches after the one with this id, the first ones without it; and the id to go on from. */
  async read(after: string): Promise<{ readonly batches: readonly LineBatch[]; readonly last: string }> {
    const entries = await this.#redis.xrange(this.#keys.logs, after === "" ? "-" : `(${after}`, "+");
    const batches = entries.flatMap(([, [, text = ""]]) => {
      const batch = parseObject<LineBatch>(text);
      return isBatch(batch) ? [batch] : [];
    });
    return { batches, last: entries.at(-1)?.[0] ?? after };
  }
}

/** The entry must be checked, because anyone who can write to Redis can add to the stream. */
function isBatch(batch: Partial<LineBatch> | undefined): batch is LineBatch {
  if (typeof batch?.worker !== "string" || !Number.isSafeInteger(batch.no)) return false;
  return Array.isArray(batch.lines) && batch.lines.every((line: unknown) => typeof line === "string");
}
