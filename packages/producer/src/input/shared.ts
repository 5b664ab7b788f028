/** A large value that was sent once and can be an argument of any number of items. */

import { REFUSED } from "@poolmq/shared/internal";

/**
 * Stands for a value that `pool.share()` sent: use it as any argument; the function gets the value itself. Workers
 * fetch it once per machine and keep it.
 *
 * @typeParam V - type of the value
 */
export class Shared<V> implements Disposable, AsyncDisposable {
  /** Type of the value, which exists only on the workers. */
  declare readonly valueType: V;
  /** Id of the value. */
  readonly id: string;

  readonly #release: () => Promise<void>;

  /** Makes `instanceof` read nothing of the value, since a proxy may throw at any access. @internal */
  static [Symbol.hasInstance](value: unknown): value is Shared<unknown> {
    return typeof value === "object" && value !== null && #release in value;
  }

  /** @internal */
  constructor(id: string, release: () => Promise<void>) {
    this.id = id;
    this.#release = release;
    // Only arguments themselves can be shared values, and not parts of them.
    const value = "a shared value inside another value (give it as an argument of its own)";
    Object.defineProperty(this, REFUSED, { value });
  }

  /**
   * Releases the value, in Redis and on the workers, before its pool ends. No item may use it afterwards. `await using`
   * does it at the end of a block.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release();
  }

  /** As `Symbol.asyncDispose`, without waiting. */
  [Symbol.dispose](): void {
    this.#release().catch(() => {}); // it is removed with its pool
  }
}
