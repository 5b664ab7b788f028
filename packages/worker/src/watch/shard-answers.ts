import { settlesWithin } from "@poolmq/shared/internal";

/** A shard that takes longer is shown as one that does not answer. */
const ANSWER_MS = 2_500;

/**
 * Asks the shards of a queue, again and again. One that has not answered in time is not asked again, nor waited for, until it
 * has: it must not slow down what is shown of the others, nor have questions pile up for it.
 */
export class ShardAnswers<Shard extends object> {
  readonly #late = new Set<Shard>();

  /** Gives the answer of each; `undefined` of one that fails, or does not answer in time. */
  async ask<V>(shards: readonly Shard[], question: (shard: Shard) => Promise<V>): Promise<(V | undefined)[]> {
    return await Promise.all(shards.map(async (shard) => await this.#ask(shard, question)));
  }

  async #ask<V>(shard: Shard, question: (shard: Shard) => Promise<V>): Promise<V | undefined> {
    if (this.#late.has(shard)) return undefined;
    const answer = question(shard);
    if (await settlesWithin(ANSWER_MS, answer)) return await answer;
    this.#late.add(shard);
    const back = (): void => void this.#late.delete(shard);
    answer.then(back, back);
    return undefined;
  }
}
