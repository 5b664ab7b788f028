/** Compares the outcomes of a map's items with what they should be. */

import { resultOf } from "./tasks.ts";
import type { Item } from "./tasks.ts";
import { EVIL } from "./evil.ts";
import { expectedOf } from "./workload.ts";

/** An item that ended in an error which it should not end in. */
export interface Odd {
  readonly index: number;
  /** Id of the map, for an item that is a map of its own. */
  readonly mapId: string | undefined;
  readonly code: string;
  readonly message: string;
  readonly how: Item["how"] | undefined;
}

/** Numbers of items that were wrong in a map, and odd items, which are wrong unless a fault explains them. */
export interface Verdict {
  readonly lost: number;
  readonly duplicated: number;
  readonly wrong: number;
  readonly outOfOrder: number;
  /** Errors that no item of the map should end in. */
  readonly odd: readonly Odd[];
  /** Evil or endless items that ended as they should. */
  readonly deeds: Readonly<Partial<Record<string, number>>>;
  /** Description of the first thing that was wrong. */
  readonly first?: string;
}

export class Tally {
  readonly #items: readonly Item[];
  readonly #expected: readonly string[];
  readonly #indices: ReadonlyMap<string, number>;
  readonly #told: number[];
  /** How often the call's callbacks were called for each item. */
  readonly #calledBack: number[];
  readonly #odd: Odd[] = [];
  readonly #deeds: Partial<Record<string, number>> = {};
  #isRejected = false;
  #duplicated = 0;
  #wrong = 0;
  #outOfOrder = 0;
  #first: string | undefined;

  constructor(items: readonly Item[]) {
    this.#items = items;
    this.#expected = items.map((item) => expectedOf(item, resultOf(item)));
    this.#indices = new Map(this.#expected.map((text, index) => [text, index]));
    this.#told = Array.from(items, () => 0);
    this.#calledBack = Array.from(items, () => 0);
  }

  succeeded(index: number, value: unknown): void {
    this.#take(index, `=${String(value)}`);
  }

  /** @param mapId - of an item that is a map of its own */
  failed(index: number, error: unknown, mapId?: string): void {
    const message = error instanceof Error ? error.message.slice(0, 200) : "";
    this.#take(index, `!${codeOf(error)}`, { message, mapId });
  }

  /** Notes that the map rejected with this error, which names its item. */
  rejected(error: unknown): void {
    this.#isRejected = true;
    const { remote } = error as { readonly remote?: { readonly index?: number } };
    this.failed(remote?.index ?? 0, error);
  }

  calledBack(index: number): void {
    const times = (this.#calledBack[index] ?? 0) + 1;
    this.#calledBack[index] = times;
    if (times > 1) this.#note("duplicated", `callbacks told ${times} times of item ${index}`);
  }

  /** Notes a result without its index, which only has to be one of the map's, once. */
  somewhere(value: unknown): void {
    const index = this.#indices.get(`=${String(value)}`);
    if (index === undefined) this.#note("wrong", `=${String(value).slice(0, 80)} is no result of the map`);
    else this.#take(index, `=${String(value)}`);
  }

  /**
   * Notes an outcome that another handle of the same map reported. Items whose outcome was damaged may end differently.
   */
  alsoTold(
    index: number,
    other: PromiseSettledResult<unknown>,
    own: PromiseSettledResult<unknown> | undefined,
  ): void {
    if (own?.status !== "fulfilled" || other.status !== "fulfilled" || own.value === other.value) return;
    this.#note(
      "wrong",
      `item ${index} gave ${String(own.value)}, and ${String(other.value)} to who attached`,
    );
  }

  /** @param mayMiss - the map was cancelled: items without an outcome are not lost */
  verdict(mayMiss = false): Verdict {
    const lost = mayMiss || this.#isRejected ? 0 : this.#told.filter((times) => times === 0).length;
    if (lost > 0) this.#first ??= `item ${this.#told.indexOf(0)} has no outcome`;
    return {
      lost,
      duplicated: this.#duplicated,
      wrong: this.#wrong,
      outOfOrder: this.#outOfOrder,
      odd: this.#odd,
      deeds: this.#deeds,
      ...(this.#first === undefined ? {} : { first: this.#first }),
    };
  }

  #take(
    index: number,
    text: string,
    error: Pick<Odd, "message" | "mapId"> = { message: "", mapId: undefined },
  ): void {
    const expected = this.#expected[index];
    const times = (this.#told[index] ?? 0) + 1;
    this.#told[index] = times;
    const item = this.#items[index];
    if (times > 1) this.#note("duplicated", `item ${index} was told ${times} times`);
    else if (text === expected) {
      if (item !== undefined && item.how in EVIL) this.#deeds[item.how] = (this.#deeds[item.how] ?? 0) + 1;
    } else {
      const what = `item ${index} gave ${text.slice(0, 80)}, expected ${String(expected).slice(0, 80)}`;
      if (text.startsWith("!")) {
        this.#odd.push({ index, code: text.slice(1), how: item?.how, ...error });
      } else if (this.#indices.has(text)) this.#note("outOfOrder", what);
      else this.#note("wrong", what);
    }
  }

  #note(kind: "duplicated" | "wrong" | "outOfOrder", what: string): void {
    if (kind === "duplicated") this.#duplicated++;
    else if (kind === "wrong") this.#wrong++;
    else this.#outOfOrder++;
    this.#first ??= what;
  }
}

/** The code of one of poolmq's errors, else the error's name. */
export function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  if (typeof code === "string") return code;
  return typeof name === "string" ? name : String(error);
}
