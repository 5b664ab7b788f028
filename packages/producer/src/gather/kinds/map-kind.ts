/** The seam between the gather and the three kinds of map that it gathers. */

import type { JobData } from "@poolmq/shared/internal";
import type { GatherScripts, RemovedLimbo } from "@poolmq/shared/redis";

import type { Chunk } from "../../input/chunk.ts";
import type { MapEnd } from "../../map/outcomes/sink.ts";
import type { CarriedMap } from "../../map/transport.ts";
import type { DonePages } from "./done-pages.ts";
import type { DurableMaps } from "./durable-maps.ts";
import type { OutcomeReader, Reading } from "../../outcomes/outcome-reader.ts";
import type { Patience } from "./patience.ts";
import type { OutcomeEntry } from "../../outcomes/read-entry.ts";
import type { Seals } from "../../signing/seals.ts";

/**
 * - `plain`: its producer is the only one who wants it.
 * - `durable`: it stays in Redis until it is delivered, and a producer that begins it takes up what is there of it.
 * - `attached`: another process enqueued it; here its outcomes are only read.
 */
export type MapMode = "plain" | "durable" | "attached";

/** Chunks whose bit is set although their outcome has not come in. */
export interface Suspects {
  readonly indices: ReadonlySet<number>;
  /** Id of the last entry of the stream at that moment: once it was read, they should have come in. */
  readonly lastEntry: string;
}

/** What the gather keeps of a map, as far as its kind deals with it. */
export interface Gathered extends Reading {
  readonly map: CarriedMap;
  /** Length of the outcomes that were taken, bytes included. */
  readonly length: number;
  /** When it was begun here, by the monotonic clock. */
  readonly since: number;
  /** Resolves once the last `reopen` has reached Redis. */
  readonly opened: Promise<unknown>;
  /** Declares that the map is wanted, or goes on wanting it. */
  reopen(): void;
  readonly patience: Patience;
  readonly donePages: DonePages;
  /** What was decided when it was last looked, and had not come in then. */
  suspects: Suspects | undefined;
  /** Takes the outcome of a chunk. False if it is not genuine. */
  takeOutcome(entry: OutcomeEntry): boolean;
}

/** What is the same for all maps of a kind. */
export interface KindTraits {
  /** This process enqueues its jobs, and tells watchers of it. */
  readonly isOurs: boolean;
  /**
   * It stays in Redis for others until it is delivered: what was taken of its outcomes is not removed, and some of them are
   * of chunks that are not under way here.
   */
  readonly isDurable: boolean;
  /** How long the map's keys outlive the last sign of its producer, in ms. */
  readonly ttlMs: number;
  /** How often `open` is repeated while the map lives, in ms. */
  readonly beatMs: number;
  /** All of its jobs are sent at once: they wait on a stage of their own, also while no other map is there. */
  readonly stages: boolean;
}

/** What the gather does differently for a map of this kind. */
export interface MapKind {
  readonly traits: KindTraits;
  /** What every job of the map says of its kind. */
  readonly jobFields: Pick<JobData, "ttlMs" | "keepFailed">;
  /** Declares that the map is wanted, or goes on wanting it. */
  open(): Promise<unknown>;
  /** Takes up what is in the stream already, before anything is enqueued or read. */
  takeUp(gathered: Gathered): Promise<void>;
  /** Gives those of the chunks that are to be enqueued: not those of which Redis has a job or an outcome. */
  admit(gathered: Gathered, chunks: readonly Chunk[]): Promise<readonly Chunk[]>;
  /** Keeps an outcome for later whose chunk is not under way here. False: the map takes it now. */
  putBy(entry: OutcomeEntry): boolean;
  /** The input was read to its end. */
  seal(total: number): Promise<void>;
  /** An item came to its end without being enqueued. */
  settledHere(index: number, error: unknown): void;
  /**
   * Looks for what Redis has lost of the map.
   *
   * @returns the chunks that are to be enqueued again
   * @throws UnknownMapError, IncompleteMapError if the map can't be completed
   */
  lookAfter(gathered: Gathered): Promise<readonly Chunk[]>;
  /** Whether a map that ends like this stays in Redis, for others. */
  outlives(end: MapEnd): boolean;
  /** Removes the map's keys, or keeps what is still of use of them. */
  end(gathered: Gathered, end: MapEnd): Promise<void>;
}

/** What the kinds work with. */
export interface KindTools {
  readonly scripts: GatherScripts;
  readonly durable: DurableMaps;
  readonly seals: Seals;
  readonly reader: OutcomeReader;
  /** Removes those of a map's jobs that no worker will ever get, and gives their indices. */
  removeLimbo(mapId: string, indices: readonly number[]): Promise<RemovedLimbo>;
  /** Lets those jobs wait again that no worker would ever get. Gives how many ids were read to find out. */
  restageLimbo(mapId: string, indices: readonly number[]): Promise<number>;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Asks Redis something for a map, until it answers or the map has ended. */
  ask<V>(map: Pick<CarriedMap, "id" | "ended">, question: () => Promise<V>): Promise<V>;
}
