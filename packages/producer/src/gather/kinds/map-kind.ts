/** The seam between the gather and the three kinds of map that it gathers. */

import type { JobData } from "@poolmq/shared/internal";
import type { GatherScripts, MapOpening, RemovedLimbo } from "@poolmq/shared/redis";

import type { Chunk } from "../../input/chunk.ts";
import type { MapEnd } from "../../map/outcomes/sink.ts";
import type { CarriedMap } from "../../map/transport.ts";
import type { DonePages } from "./done-pages.ts";
import type { DurableMaps } from "./durable-maps.ts";
import type { EndedMaps } from "./ended-maps.ts";
import type { OutcomeReader, Reading } from "../../outcomes/outcome-reader.ts";
import type { Patience } from "./patience.ts";
import type { OutcomeEntry } from "../../outcomes/read-entry.ts";
import type { Seals } from "../../signing/seals.ts";

/**
 * - `plain`: only its producer wants it.
 * - `durable`: it stays in Redis until it is delivered, and a producer that begins it takes up existing outcomes.
 * - `attached`: another process enqueued it; here its outcomes are only read.
 */
export type MapMode = "plain" | "durable" | "attached";

/** Chunks whose bit is set although their outcome has not come in. */
export interface Suspects {
  readonly indices: ReadonlySet<number>;
  /** Id of the last entry of the stream at that moment. Once that was read, their outcomes should have come in. */
  readonly lastEntry: string;
}

/** The part of a gathered map that its kind uses. */
export interface Gathered extends Reading {
  readonly map: CarriedMap;
  /** Length of the outcomes that were taken, including bytes. */
  readonly length: number;
  /** When it was begun here, by the monotonic clock. */
  readonly since: number;
  /** Resolves once the last `reopen` has reached Redis. */
  readonly opened: Promise<unknown>;
  /** Declares that the map is wanted, or goes on wanting it. */
  reopen(): void;
  readonly patience: Patience;
  /**
   * Chunks that are being added, of which Redis may have refused some. Whoever adds them repeats that, so they are not looked
   * for.
   */
  readonly adding: ReadonlySet<readonly Chunk[]>;
  readonly donePages: DonePages;
  /** What was decided when it was last looked, and had not come in then. */
  suspects: Suspects | undefined;
  /** Takes the outcome of a chunk. False if it is not genuine. */
  takeOutcome(entry: OutcomeEntry): boolean;
}

/** What is the same for all maps of a kind. */
export interface KindTraits {
  /** Whether this process enqueues its jobs, and reports it to watchers. */
  readonly isOurs: boolean;
  /**
   * Whether it stays in Redis for other processes until it is delivered. Outcomes that were taken are then not removed,
   * and some may be of chunks that are not under way here.
   */
  readonly isDurable: boolean;
  /** How long the map's keys outlive the last sign of its producer, in ms. */
  readonly ttlMs: number;
  /** How often `open` is repeated while the map lives, in ms. */
  readonly beatMs: number;
  /** Whether all of its jobs are sent at once. They then wait on the map's stage even while there is no other map. */
  readonly stages: boolean;
}

/** What the gather does differently for a map of this kind. */
export interface MapKind {
  readonly traits: KindTraits;
  /** Fields of every job of the map that depend on the kind. */
  readonly jobFields: Pick<JobData, "ttlMs" | "keepFailed">;
  /** Lets the script that adds the map's first jobs open the map too. If absent, `open` must be called before. */
  readonly opening?: MapOpening;
  /** Declares that the map is wanted, or goes on wanting it. */
  open(): Promise<unknown>;
  /** Takes up outcomes that are in the stream already, before anything is enqueued or read. */
  takeUp(gathered: Gathered): Promise<void>;
  /** Gives the chunks that are to be enqueued, without those of which Redis has a job or an outcome. */
  admit(gathered: Gathered, chunks: readonly Chunk[]): Promise<readonly Chunk[]>;
  /** Keeps an outcome for later if its chunk is not under way here yet. False: the map takes it now. */
  putBy(entry: OutcomeEntry): boolean;
  /** Notes that the input was read to its end. */
  seal(total: number): Promise<void>;
  /** Notes an item that got its outcome without being enqueued. */
  settledHere(index: number, error: unknown): void;
  /**
   * Looks for jobs and outcomes of the map that Redis has lost.
   *
   * @returns the chunks that are to be enqueued again
   * @throws UnknownMapError, IncompleteMapError if the map can't be completed
   */
  lookAfter(gathered: Gathered): Promise<readonly Chunk[]>;
  /** Whether a map that ends like this stays in Redis for other processes. */
  outlives(end: MapEnd): boolean;
  /** Removes the map's keys, or those that are not needed any more. */
  end(gathered: Gathered, end: MapEnd): Promise<void>;
}

/** The parts that the kinds of maps use. */
export interface KindTools {
  readonly scripts: GatherScripts;
  readonly durable: DurableMaps;
  readonly seals: Seals;
  readonly reader: OutcomeReader;
  readonly ended: EndedMaps;
  /** Lets the shared values of these chunks stay for as long as a durable map does. */
  keepShares(chunks: readonly Chunk[]): Promise<void>;
  /** Removes the map's jobs that are in limbo, and gives their indices. */
  removeLimbo(mapId: string, indices: readonly number[]): Promise<RemovedLimbo>;
  /** Puts the map's jobs that are in limbo back into line. Gives how many ids were read to find them. */
  restageLimbo(mapId: string, indices: readonly number[]): Promise<number>;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Asks Redis something for a map, until it answers or the map has ended. */
  ask<V>(map: Pick<CarriedMap, "id" | "ended">, question: () => Promise<V>): Promise<V>;
}
