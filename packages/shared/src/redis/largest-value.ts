import type { Cluster, Redis } from "ioredis";

/** What a server takes and gives at most in one piece. */
export interface LargestValue {
  readonly bytes: number;
  /** Name of the server's setting that limits it. */
  readonly setting: string;
}

/** What else is in a command or a reply beside the value: keys, numbers, the digest of a script. */
const BESIDE_BYTES = 4 * 1024;

const SETTINGS = ["proto-max-bulk-len", "client-query-buffer-limit", "client-output-buffer-limit"] as const;

/**
 * Asks a server how large a value may be. A larger one is never taken: the server ends the connection, which then sends
 * it again. Gives `undefined` if the server does not tell. A login of its own does not ask for settings: it has the rights that
 * its work needs, reading the server's settings is not among them, and each refusal would stand in the server's log.
 */
export async function largestValue(connection: Redis | Cluster): Promise<LargestValue | undefined> {
  const nodes = connection.isCluster ? (connection as Cluster).nodes("master") : [connection as Redis];
  const asked = nodes.flatMap((node) => SETTINGS.map(async (setting) => await ask(node, setting)));
  const limits = (await Promise.all([...asked, ...nodes.map(askMemory)])).flatMap((limit) => limit ?? []);
  return limits.toSorted((a, b) => a.bytes - b.bytes)[0];
}

async function ask(node: Redis, setting: string): Promise<LargestValue | undefined> {
  const { username } = node.options;
  if (username != null && username !== "default") return undefined;
  try {
    const [, value] = (await node.call("CONFIG", "GET", setting)) as string[];
    const bytes = bytesOf(value ?? "");
    return bytes > 0 ? { bytes: bytes - BESIDE_BYTES, setting } : undefined;
  } catch {
    return undefined; // it may not ask, or the server does not know the setting
  }
}

/**
 * What is more than a server's whole memory is never taken, however much of it is free. While it is full already, that says
 * nothing: its `maxmemory` may be lower for a moment than what it is meant for.
 */
async function askMemory(node: Redis): Promise<LargestValue | undefined> {
  const text = await node.info("memory").catch(() => "");
  const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const [max, used] = [figure("maxmemory"), figure("used_memory")];
  if (max === 0 || used >= max) return undefined;
  return { bytes: Math.max(1, max - figure("used_memory_startup") - BESIDE_BYTES), setting: "maxmemory" };
}

/** A number; or, of the output buffers, the hard limit of each kind of client: `normal 0 0 0 replica …`. 0 is no limit. */
function bytesOf(value: string): number {
  return Number(/^\d+$/.exec(value)?.[0] ?? /\bnormal (\d+)/.exec(value)?.[1] ?? 0);
}
