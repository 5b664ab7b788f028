import type { Row } from "../harness/row.ts";
import { trivialItems } from "./row-01-trivial-items.ts";
import { millionItems } from "./row-02-million-items.ts";
import { computingItems } from "./row-03-computing-items.ts";
import { mixedItems } from "./row-04-mixed-items.ts";
import { callLatency } from "./row-05-call-latency.ts";
import { waitingItems } from "./row-06-waiting-items.ts";
import { slowReader } from "./row-07-slow-reader.ts";
import { costBySize } from "./row-08-cost-by-size.ts";
import { largeBuffers } from "./row-09-large-buffers.ts";
import { sharedValue } from "./row-10-shared-value.ts";
import { coldStart } from "./row-11-cold-start.ts";
import { manyProducers } from "./row-12-many-producers.ts";
import { watched } from "./row-13-watched.ts";
import { withoutRedis } from "./row-14-without-redis.ts";
import { folds } from "./row-15-folds.ts";
import { batches } from "./row-16-batches.ts";
import { fairShares } from "./row-17-fair-shares.ts";
import { shards } from "./row-19-shards.ts";
import { idleMachines } from "./row-20-idle-machines.ts";
import { stragglers } from "./row-18-stragglers.ts";

export const ROWS: readonly Row[] = [
  trivialItems,
  millionItems,
  computingItems,
  mixedItems,
  callLatency,
  waitingItems,
  slowReader,
  costBySize,
  largeBuffers,
  sharedValue,
  coldStart,
  manyProducers,
  watched,
  withoutRedis,
  folds,
  batches,
  fairShares,
  stragglers,
  shards,
  idleMachines,
];
