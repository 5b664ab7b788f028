import type { Row } from "../harness/row.ts";
import { trivialItems } from "./row-01-trivial-items.ts";
import { millionItems } from "./row-02-million-items.ts";
import { callLatency } from "./row-05-call-latency.ts";

export const ROWS: readonly Row[] = [trivialItems, millionItems, callLatency];
