/** Which errors the items of a map ended in: those of one kind together. Bounded. */

import type { ErrorGroup } from "../wire-watch.ts";

import { errorFacts } from "./error-facts.ts";

/** The most groups. Errors beyond them are only counted. */
export const MAX_GROUPS = 20;

const MAX_INDICES = 100;

interface Group {
  readonly number: number;
  readonly first: Omit<ErrorGroup, "indices" | "messagesDiffer">;
  readonly indices: number[];
  /** Whether the message of a later error is another one than that of the first. */
  messagesDiffer: boolean;
  count: number;
  /** When its last item failed, by the monotonic clock. */
  lastAt: number;
}

/** What errors of one group have in common: their name, and their message but for its numbers (ids, amounts, times). */
export function kindOfError({ name, message }: { readonly name: string; readonly message: string }): string {
  return `${name}\n${message.replace(/\d+/g, "#")}`;
}

export class ErrorGroups {
  readonly #groups: Map<string, Group>;
  /** Copies that are told of the same errors: see `another()`. */
  readonly #others: ErrorGroups[] = [];
  /** Groups that have changed since they were last taken. */
  readonly #changed = new Set<Group>();

  constructor(groups: Map<string, Group> = new Map()) {
    this.#groups = groups;
  }

  /** Gives the same groups again, with a record of its own of what is new since it was last asked. */
  another(): ErrorGroups {
    const other = new ErrorGroups(this.#groups);
    for (const group of this.#groups.values()) other.#changed.add(group);
    this.#others.push(other);
    return other;
  }

  failed(index: number, error: unknown): void {
    const { name, message, stack } = errorFacts(error);
    const key = kindOfError({ name, message });
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size >= MAX_GROUPS) return;
      const first = { name, message, ...(stack === undefined ? {} : { stack: stack() }) };
      group = { number: this.#groups.size, first, indices: [], messagesDiffer: false, count: 0, lastAt: 0 };
      this.#groups.set(key, group);
    }
    group.count++;
    group.lastAt = performance.now();
    const isNews = !group.messagesDiffer && message !== group.first.message;
    if (isNews) group.messagesDiffer = true;
    if (group.indices.length < MAX_INDICES) group.indices.push(index);
    else if (!isNews) return;
    this.#changed.add(group);
    for (const other of this.#others) other.#changed.add(group);
  }

  /** Number of items in each group of errors. */
  get counts(): number[] {
    return [...this.#groups.values()].map(({ count }) => count);
  }

  /** When the last item of each group failed, by the monotonic clock. */
  get lastAt(): number[] {
    return [...this.#groups.values()].map(({ lastAt }) => lastAt);
  }

  /** Gives what is new of the groups since the last call, by number. */
  takeChanged(): (readonly [number: number, group: ErrorGroup])[] {
    const changed = [...this.#changed].map(
      ({ number, first, messagesDiffer, indices }) =>
        [number, { ...first, ...(messagesDiffer ? { messagesDiffer } : {}), indices: [...indices] }] as const,
    );
    this.#changed.clear();
    return changed;
  }

  /** Marks these groups as changed again, because they could not be reported. */
  putBack(numbers: ReadonlySet<number>): void {
    for (const group of this.#groups.values()) if (numbers.has(group.number)) this.#changed.add(group);
  }
}
