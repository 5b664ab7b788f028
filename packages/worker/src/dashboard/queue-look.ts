/** Reads what a page requests in addition to the events of its queue. */

import { setTimeout as delay } from "node:timers/promises";

import { isWanted } from "../watch/log-reader.ts";
import type { LeftOut, LineFilter, LogReader, MachineLine } from "../watch/log-reader.ts";
import type { ItemReader } from "../watch/item-reader.ts";
import type { MachineOrders } from "../control/machine-everywhere.ts";

/** Lines of all machines that are kept while pages ask for some. */
const MAX_LINES = 5_000;

/** The most lines of one answer, the last ones. */
const MAX_TOLD = 200;

/** How often machines' lines are fetched, and for how long after a page has asked for some, in ms. */
const EVERY_MS = 500;
const LISTEN_MS = 10_000;

export class QueueLook {
  readonly item: ItemReader["read"];
  readonly stack: MachineOrders["stack"];
  readonly #logs: LogReader;
  readonly #lines: (MachineLine | LeftOut)[] = [];
  #listenUntil = -Infinity;
  #isListening = false;
  #first: Promise<void> | undefined;

  constructor(items: ItemReader, machines: MachineOrders, logs: LogReader) {
    this.item = (...args) => items.read(...args);
    this.stack = (...args) => machines.stack(...args);
    this.#logs = logs;
  }

  /** Gives the last wanted lines. Machines send lines as long as somebody asks. */
  async lines(wanted: LineFilter): Promise<MachineLine[]> {
    this.#listenUntil = performance.now() + LISTEN_MS;
    this.#first ??= this.#logs.readKept().then((lines) => this.#take(lines));
    await this.#first;
    if (!this.#isListening) void this.#listen();
    const found = this.#lines.filter((line) => "record" in line && isWanted(line, wanted)) as MachineLine[];
    return found.slice(-MAX_TOLD);
  }

  async #listen(): Promise<void> {
    this.#isListening = true;
    try {
      while (performance.now() < this.#listenUntil) {
        await delay(EVERY_MS);
        this.#take(await this.#logs.read());
      }
    } catch {
      // Redis can't be reached, which the page shows. The next question starts afresh.
    } finally {
      this.#isListening = false;
      this.#first = undefined;
    }
  }

  #take(lines: readonly (MachineLine | LeftOut)[]): void {
    this.#lines.push(...lines);
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, this.#lines.length - MAX_LINES);
  }
}
