/** Names of the queues over which one queue of a Redis Cluster is spread. */

/** Number of slots of a Cluster. Its nodes have equal ranges of them, unless somebody moves some. */
const SLOTS = 16_384;

/** Names that are tried for each shard; the one whose slot lies best is taken. */
const CANDIDATES = 64;

/** The largest number of nodes for which the names are spread evenly. */
const MOST_NODES = 16;

/**
 * Gives the names of `count` queues: first that of the queue itself, so that a queue that exists needs no move. Each further
 * name lies where, on Clusters of 2 to 16 nodes, the fewest of those before it are. So the names for `k` shards are the
 * first `k` of those for more.
 */
export function shardNames(queue: string, count: number): string[] {
  const names = [queue];
  const slots = [slotOf(queue)];
  for (let shard = 1; shard < count; shard++) {
    let best = { name: "", slot: 0, crowd: Infinity };
    for (let n = 1; n <= CANDIDATES && best.crowd > 0; n++) {
      const name = `${queue}.${shard}-${n}`;
      const slot = slotOf(name);
      const crowd = crowdAt(slot, slots);
      if (crowd < best.crowd) best = { name, slot, crowd };
    }
    names.push(best.name);
    slots.push(best.slot);
  }
  return names;
}

/** How many of `others` lie on the same node as `slot`, summed over all sizes of a Cluster; small Clusters count more. */
function crowdAt(slot: number, others: readonly number[]): number {
  let crowd = 0;
  for (let nodes = 2; nodes <= MOST_NODES; nodes++) {
    const node = nodeOf(slot, nodes);
    crowd += others.filter((other) => nodeOf(other, nodes) === node).length / nodes;
  }
  return crowd;
}

/** The node on which a slot lies, if `nodes` nodes have equal ranges. */
function nodeOf(slot: number, nodes: number): number {
  return Math.floor((slot * nodes) / SLOTS);
}

/** The slot in which a Cluster keeps the keys of a queue: CRC16 (XMODEM) of what stands in braces. */
export function slotOf(queue: string): number {
  let crc = 0;
  for (const byte of Buffer.from(queue)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc % SLOTS;
}
