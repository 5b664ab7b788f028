/** The arguments of a job's items, decoded. */

import { decodeArguments, DecodeError, free } from "@poolmq/shared/task";

export class ItemArguments {
  readonly count: number;
  /** The one argument of each item, if each has one and none is a shared value. */
  readonly singles: readonly unknown[] | undefined;
  readonly #tuples: readonly unknown[][];
  readonly #shares: readonly (readonly [position: number, value: unknown])[];

  /**
   * @param encoded - `bytes`: the bytes that travelled beside the text
   * @param shares - shared values by their position in every tuple
   * @throws DecodeError, LimitError if they are not the arguments of `count` items
   */
  constructor(
    { args, bytes }: { readonly args: string; readonly bytes?: Buffer | undefined },
    count: number,
    shares: readonly (readonly [position: number, value: unknown])[],
  ) {
    const { form, values } = decodeArguments(args, bytes);
    const fit = form === "one" ? shares.length === 0 : values.every(Array.isArray);
    if (values.length !== count || !fit) {
      throw new DecodeError(`Expected the arguments of ${count} items, got something else`);
    }
    // The values are copies.
    if (bytes !== undefined) free(bytes);
    this.count = count;
    this.singles = form === "one" ? values : undefined;
    this.#tuples = form === "one" ? [] : (values as unknown[][]);
    this.#shares = shares;
  }

  /** Gives the arguments of one item. */
  of(offset: number): readonly unknown[] {
    if (this.singles !== undefined) return [this.singles[offset]];
    const args = this.#tuples[offset] ?? [];
    for (const [position, value] of this.#shares) args[position] = value;
    return args;
  }
}
