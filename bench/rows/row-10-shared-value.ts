/** A large value that all items use: counts how often it is sent. */

import type { Row } from "../harness/row.ts";

const MIB = 1024 * 1024;
const MACHINES = 2;

export const sharedValue: Row = {
  id: 10,
  title: "share() of 50 MiB, used by 1,000 items on two machines",
  async measure(stage) {
    const bytes = stage.size(50, 5) * MIB;
    const count = stage.size(1_000, 200);
    const queue = "shared-value";
    const producer = await stage.need("poolmqProducer", { queue });
    for (let i = 0; i < MACHINES; i++) await stage.need("poolmqMachine", { queue, processes: 1 });
    await producer.map({ task: "increment", args: { range: 2_000 } });
    const sentBefore = await stage.redis.info("total_net_output_bytes");
    const { ms } = await producer.ask("shared", { count, bytes });
    const sent = (await stage.redis.info("total_net_output_bytes")) - sentBefore;
    return {
      checks: [
        {
          what: "bytes that Redis sent, over those of the value, per machine",
          value: sent / bytes / MACHINES,
          unit: "×",
          target: { is: "≤", value: 1.1 },
        },
      ],
      series: [{ who: "poolmq", what: "whole map, share() included", unit: "ms", values: [ms] }],
      notes: [
        "Each machine must have fetched the value once; a tenth more is for the 1,000 jobs themselves.",
      ],
    };
  },
};
