/** Maps of a thousand to a thousand million items. */

import { figure } from "../harness/print.ts";
import type { Costs } from "./costs.ts";
import { mapMsOf } from "./latency.ts";
import { memoryOf } from "./memory.ts";
import { fleetOf } from "./sizes.ts";
import type { Table } from "./table.ts";
import { throughputOf } from "./throughput.ts";

const ITEMS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9] as const;
const MACHINES = 100;
const WORK = { itemMs: 100, chunksize: 1 };

export function itemsRows(costs: Costs): Table {
  const fleet = fleetOf(MACHINES, 1, 1);
  const throughput = throughputOf(costs, fleet, WORK);
  return [
    ["items", "takes", "producer's memory, `map`", "producer's memory, `imap`", "Redis's memory"],
    ITEMS.map((items) => {
      const { producerMiB, streamMiB, redisMiB } = memoryOf(costs, fleet, WORK, items, throughput.itemsPerS);
      return [
        figure(items),
        durationOf(mapMsOf(costs, fleet, WORK, items, throughput) / 1_000),
        sizeOf(producerMiB),
        sizeOf(streamMiB),
        sizeOf(redisMiB),
      ];
    }),
  ];
}

function sizeOf(mib: number): string {
  return mib < 4_096 ? `${figure(mib)} MiB` : `${figure(mib / 1_024)} GiB`;
}

function durationOf(seconds: number): string {
  if (seconds < 120) return `${figure(seconds)} s`;
  if (seconds < 7_200) return `${figure(seconds / 60)} min`;
  return seconds < 172_800 ? `${figure(seconds / 3_600)} h` : `${figure(seconds / 86_400)} days`;
}
