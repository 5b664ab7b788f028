/** Reads one item of a map: where it is, its error and, if values may be shown, its arguments and result. */

import { resultOf } from "./item-place.ts";
import type { ItemPlace } from "./item-place.ts";
import type { Watcher } from "./pool-watcher.ts";
import type { ErrorGroupView } from "./queue-view.ts";
import { ShardAnswers } from "./shard-answers.ts";

/** What is known of an item. */
export interface ItemView {
  readonly mapId: string;
  readonly index: number;
  readonly task: string | null;
  /**
   * `waiting`: its job waits for a worker, or for another attempt. `running`: a machine reports that it runs. `taken`: a
   * machine has its job, and runs another item of it or has not reported. `ended`: Redis has its outcome.
   * `unknown`: Redis has nothing of it, because its producer has read its outcome, or because it was not sent yet.
   */
  readonly state: "waiting" | "running" | "taken" | "ended" | "unknown";
  /** Where it runs or ran, if that is known. */
  readonly ran: {
    readonly worker: string;
    readonly host: string | null;
    readonly pid: number;
    readonly sinceMs: number | null;
    readonly ms: number | null;
  } | null;
  /** Number of the attempt that runs, or was the last. */
  readonly attempt: number | null;
  /** Processes and machines that were lost with it. */
  readonly losses: number | null;
  /** First index of its job, and number of the job's items. */
  readonly job: { readonly at: number; readonly items: number } | null;
  /** An error of its kind, which is its own unless `messagesDiffer`. */
  readonly error: Pick<ErrorGroupView, "name" | "message" | "messagesDiffer" | "stack"> | null;
  /** Its arguments and its result, as Node prints them; `null` if they are unknown, or not to be shown. */
  readonly arguments: string | null;
  readonly result: string | null;
}

export class ItemReader {
  readonly #places: readonly ItemPlace[];
  readonly #answers = new ShardAnswers<ItemPlace>();
  readonly #watcher: Pick<Watcher, "read" | "errors">;
  readonly #showsValues: boolean;

  /**
   * @param places - one for each shard of the queue; more may come. An item is on one of them.
   * @param watcher - of all of them
   * @param options.showsValues - arguments and results may be shown
   */
  constructor(
    places: readonly ItemPlace[],
    watcher: Pick<Watcher, "read" | "errors">,
    { showsValues }: { readonly showsValues: boolean },
  ) {
    this.#places = places;
    this.#watcher = watcher;
    this.#showsValues = showsValues;
  }

  async read(mapId: string, index: number): Promise<ItemView> {
    const [view, errors, looks] = await Promise.all([
      this.#watcher.read(),
      this.#watcher.errors(mapId),
      this.#answers.ask(this.#places, async (place) => {
        const [job, entry] = await Promise.all([place.job(mapId, index), place.entry(mapId, index)]);
        return { place, job, entry };
      }),
    ]);
    const found = looks.find((look) => look?.job !== undefined);
    const { job } = found ?? {};
    const entry = looks.find((look) => look?.entry !== undefined)?.entry;
    const map = view.maps.find(({ id }) => id === mapId);
    const group = errors?.groups.find(({ indices }) => indices.includes(index));
    const where = view.machines.flatMap(({ id, host, children }) =>
      (children ?? []).flatMap(({ pid, running }) =>
        running
          .filter((run) => run.mapId === mapId && index >= run.index && index < run.index + run.items)
          .map((run) => ({ worker: id, host, pid, run })),
      ),
    )[0];
    const isEnded = entry !== undefined || group !== undefined;
    const state =
      where !== undefined
        ? "running"
        : job !== undefined
          ? job.isTaken
            ? "taken"
            : "waiting"
          : isEnded
            ? "ended"
            : "unknown";
    const [ms, worker, pid, attempt, lost] = entry?.ran ?? [];
    const ended =
      worker === undefined
        ? null
        : {
            worker,
            host: view.machines.find(({ id }) => id === worker)?.host ?? null,
            pid: Number(pid),
            sinceMs: null,
            ms: Number(ms),
          };
    return {
      mapId,
      index,
      task: map?.task ?? errors?.task ?? null,
      state,
      ran:
        where === undefined
          ? ended
          : { worker: where.worker, host: where.host, pid: where.pid, sinceMs: where.run.sinceMs, ms: null },
      attempt: where?.run.attempt ?? job?.attempt ?? (entry === undefined ? null : Number(attempt ?? 1)),
      losses: job?.data.suspect?.losses ?? (entry === undefined ? null : Number(lost ?? 0)),
      job: job === undefined ? null : { at: job.at, items: job.data.n },
      error: group === undefined ? null : errorOf(group),
      arguments:
        this.#showsValues && found !== undefined && job !== undefined
          ? await found.place.argumentsOf(mapId, index, job)
          : null,
      result: this.#showsValues && entry !== undefined ? resultOf(index, entry) : null,
    };
  }
}

function errorOf({ name, message, messagesDiffer, stack }: ErrorGroupView): NonNullable<ItemView["error"]> {
  return { name, message, messagesDiffer, stack };
}
