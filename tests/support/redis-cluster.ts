/** A Redis Cluster of real servers: three primaries, and a replica of the first one if asked for. */

import { onTestFinished } from "vitest";

import { freePort, RedisServer } from "./redis-server.ts";
import type { RedisServerOptions } from "./redis-server.ts";
import { until } from "./until.ts";

const SLOTS = 16_384;
const PRIMARIES = 3;

export class RedisCluster {
  readonly primaries: readonly RedisServer[];
  readonly replica: RedisServer | undefined;

  private constructor(primaries: readonly RedisServer[], replica: RedisServer | undefined) {
    this.primaries = primaries;
    this.replica = replica;
  }

  /**
   * Starts one that ends with the test.
   *
   * @param settings - further ones of each node
   */
  static async start({
    replica = false,
    settings = {},
  }: {
    readonly replica?: boolean;
    readonly settings?: NonNullable<RedisServerOptions["settings"]>;
  } = {}): Promise<RedisCluster> {
    const nodes = await Promise.all(
      Array.from({ length: PRIMARIES + (replica ? 1 : 0) }, () => RedisCluster.#startNode(settings)),
    );
    const primaries = nodes.slice(0, PRIMARIES);
    const share = Math.ceil(SLOTS / PRIMARIES);
    for (const [place, { admin }] of primaries.entries()) {
      const last = Math.min((place + 1) * share, SLOTS) - 1;
      await admin.call("CLUSTER", "ADDSLOTSRANGE", String(place * share), String(last));
      await admin.call("CLUSTER", "SET-CONFIG-EPOCH", String(place + 1));
    }
    const [first, ...others] = nodes;
    for (const { port, busPort } of others) {
      await first?.admin.call("CLUSTER", "MEET", "127.0.0.1", String(port), String(busPort));
    }
    const cluster = new RedisCluster(primaries, nodes[PRIMARIES]);
    await cluster.#settled(nodes);
    if (first !== undefined && cluster.replica !== undefined) {
      await cluster.replica.admin.call("CLUSTER", "REPLICATE", await idOf(first));
      const link = async (): Promise<boolean> =>
        ((await cluster.replica?.admin.info("replication")) ?? "").includes("master_link_status:up");
      await until(link, { what: "the replica to follow", timeoutMs: 15_000 });
    }
    return cluster;
  }

  static async #startNode(
    settings: NonNullable<RedisServerOptions["settings"]>,
  ): Promise<RedisServer & { readonly busPort: number }> {
    const busPort = await freePort();
    const server = await RedisServer.start({
      listen: "tcp",
      settings: {
        "cluster-enabled": "yes",
        "cluster-announce-ip": "127.0.0.1",
        // By default the bus port is the server's port plus 10,000, which may not be a port.
        "cluster-port": busPort,
        "cluster-node-timeout": 1_000,
        "cluster-replica-validity-factor": 0,
        ...settings,
      },
    });
    onTestFinished(() => server.stop());
    return Object.assign(server, { busPort });
  }

  /** What the `connection` option takes. */
  get connection(): { readonly cluster: string[] } {
    return { cluster: this.primaries.map(({ url }) => url) };
  }

  /** The primary that has this key's slot, as its position. */
  async ownerOf(key: string): Promise<number> {
    const [first] = this.primaries;
    const slot = Number(await first?.admin.call("CLUSTER", "KEYSLOT", key));
    return Math.floor(slot / Math.ceil(SLOTS / PRIMARIES));
  }

  /** Moves the slot of a key, with all keys in it, to another primary. */
  async moveSlotOf(key: string, from: RedisServer, to: RedisServer): Promise<void> {
    const slot = String(await from.admin.call("CLUSTER", "KEYSLOT", key));
    const [fromId, toId] = [await idOf(from), await idOf(to)];
    await to.admin.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
    await from.admin.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
    const keys = (await from.admin.call("CLUSTER", "GETKEYSINSLOT", slot, "10000")) as string[];
    if (keys.length > 0) {
      await from.admin.call("MIGRATE", "127.0.0.1", String(to.port), "", "0", "5000", "KEYS", ...keys);
    }
    for (const { admin } of [to, from, ...this.primaries])
      await admin.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
  }

  async #settled(nodes: readonly RedisServer[]): Promise<void> {
    const isSettled = async ({ admin }: RedisServer): Promise<boolean> => {
      const info = String(await admin.call("CLUSTER", "INFO"));
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${nodes.length}\r`);
    };
    await until(async () => (await Promise.all(nodes.map(isSettled))).every(Boolean), {
      what: "the Cluster to be up",
      timeoutMs: 15_000,
    });
  }
}

async function idOf({ admin }: RedisServer): Promise<string> {
  return String(await admin.call("CLUSTER", "MYID"));
}
