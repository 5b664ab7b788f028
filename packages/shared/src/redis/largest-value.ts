import type { Cluster, Redis } from "ioredis";

import { primariesOf } from "./scan-keys.ts";
import { untilNotRefused } from "./until-not-refused.ts";

/** The largest value that a server takes and gives in one piece. */
export interface LargestValue {
  readonly bytes: number;
  /** Name of the server's setting that limits it. */
  readonly setting: string;
}

/** Room for the rest of a command or a reply: keys, numbers, the digest of a script. */
const BESIDE_BYTES = 4 * 1024;

const SETTINGS = ["proto-max-bulk-len", "client-query-buffer-limit", "client-output-buffer-limit"] as const;

/**
 * Asks a server how large a value may be. A larger one can never be stored: the server closes the connection, and
 * ioredis sends the command again on the next one, for ever. Gives `undefined` if the server does not tell. Settings
 * are read by the default user only: a login of its own rarely has the right to read them, and each refusal would be
 * recorded in the server's ACL log.
 */
export async function largestValue(connection: Redis | Cluster): Promise<LargestValue | undefined> {
  const nodes = primariesOf(connection);
  const asked = nodes.flatMap((node) => SETTINGS.map(async (setting) => await ask(node, setting)));
  const limits = (await Promise.all([...asked, ...nodes.map(askMemory)])).flatMap((limit) => limit ?? []);
  return limits.toSorted((a, b) => a.bytes - b.bytes)[0];
}

async function ask(node: Redis, setting: string): Promise<LargestValue | undefined> {
  const { username } = node.options;
  if (username != null && username !== "default") return undefined;
  try {
    const [, value] = (await untilNotRefused(() => node.call("CONFIG", "GET", setting))) as string[];
    const bytes = bytesOf(value ?? "");
    return bytes > 0 ? { bytes: bytes - BESIDE_BYTES, setting } : undefined;
  } catch {
    return undefined; // CONFIG is not allowed, or the server does not know the setting
  }
}

/**
 * A value larger than the server's whole memory can never be stored, however much of that is free. While memory is
 * full, `maxmemory` is ignored: somebody may have lowered it for a moment only.
 */
async function askMemory(node: Redis): Promise<LargestValue | undefined> {
  const text = await untilNotRefused(() => node.info("memory")).catch(() => "");
  const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const [max, used] = [figure("maxmemory"), figure("used_memory")];
  if (max === 0 || used >= max) return undefined;
  return { bytes: Math.max(1, max - figure("used_memory_startup") - BESIDE_BYTES), setting: "maxmemory" };
}

/** Reads a setting: a plain number, or the hard limit for normal clients in `normal 0 0 0 replica …`. 0 is no limit. */
function bytesOf(value: string): number {
  return Number(/^\d+$/.exec(value)?.[0] ?? /\bnormal (\d+)/.exec(value)?.[1] ?? 0);
}
