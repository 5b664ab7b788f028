/** A producer of a fleet: poolmq with no worker of its own. */

import { Pool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";
import { serveCalls } from "./poolmq-calls.ts";
import { readSetup } from "./serve.ts";

const { redis, queue, window } = readSetup();
await serveCalls(new Pool<typeof tasks>({ connection: redis.split(","), queue, window }));
