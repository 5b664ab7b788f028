/** Settles items: reports each outcome to the map's account, its errors and its sink. */

import { ErrorGroups } from "@poolmq/shared/internal";
import type { OutcomeText } from "@poolmq/shared/internal";

import type { MapAccount } from "../account/map-account.ts";
import type { Chunk } from "../input/chunk.ts";
import { describeItems } from "./outcomes/describe-items.ts";
import type { InFlight } from "./in-flight.ts";
import type { MapRunOptions } from "./map-run-options.ts";
import { readOutcomes } from "./outcomes/read-outcomes.ts";
import type { Settled } from "./outcomes/read-outcomes.ts";
import type { MapEnd, Sink } from "./outcomes/sink.ts";

/** What is told of outcomes. */
interface Told {
  readonly account: MapAccount;
  readonly inFlight: InFlight;
  readonly sink: Sink;
}

export class Settling {
  /** Kinds of errors with which items failed. */
  readonly errors: ErrorGroups = new ErrorGroups();
  readonly #options: MapRunOptions;
  readonly #told: Told;
  readonly #isEnded: () => boolean;

  /** @param isEnded - gives whether the map has ended, so that nothing more is reported */
  constructor(options: MapRunOptions, told: Told, isEnded: () => boolean) {
    this.#options = options;
    this.#told = told;
    this.#isEnded = isEnded;
  }

  /** Settles consecutive items that succeeded, the first of which has index `at`. */
  all(at: number, results: readonly unknown[]): void {
    const { account, inFlight, sink } = this.#told;
    if (sink.succeededAll === undefined) {
      for (const [offset, value] of results.entries()) this.one(at + offset, { ok: true, value });
      return;
    }
    account.succeeded(results.length);
    if (this.#options.keepsUntilRead) inFlight.keep(results.length);
    sink.succeededAll(at, results);
  }

  /** Settles the items of a chunk with the outcomes in the text. @param bytes - the bytes that it names */
  each(chunk: Chunk, text: OutcomeText, bytes: Buffer | undefined): void {
    const { classes, callSite, describeItem } = this.#options;
    const outcomes = readOutcomes(chunk, text, { classes: classes(), callSite, bytes });
    if (describeItem !== undefined) describeItems(chunk, outcomes, describeItem);
    for (const [offset, settled] of outcomes.entries()) this.one(chunk.at + offset, settled);
  }

  one(index: number, settled: Settled): void {
    if (this.#isEnded()) return; // `failFast`, in the middle of a chunk
    const { account, inFlight, sink } = this.#told;
    if (this.#options.keepsUntilRead) inFlight.keep(1);
    if (settled.ok) {
      account.succeeded(1);
      sink.succeeded(index, settled.value);
    } else {
      account.failed();
      this.errors.failed(index, settled.error);
      sink.failed(index, settled.error);
    }
  }

  /** Reports the end of the map. */
  end(end: MapEnd): void {
    this.#told.sink.ended(end);
  }
}
