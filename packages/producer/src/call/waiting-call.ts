/**
 * A call that waits in line, because too many are under way. It holds the checked call and its handle's sink, and nothing
 * that only a running map needs.
 *
 * - waiting: `#checked` is set. Leaves to `begun` when its turn comes, to `ended` when it is cancelled.
 * - begun: `#map` is set, and everything is passed on to it.
 * - ended: neither is set. It was cancelled, or its pool ended, before its turn came.
 */

import { AsyncResource } from "node:async_hooks";

import { CancelledError } from "@poolmq/shared";
import { checkPriority } from "@poolmq/shared/internal";

import { noInsights } from "../account/insight-log.ts";
import type { MapInsights } from "../account/map-insights.ts";
import { NO_PROGRESS } from "../account/map-progress.ts";
import type { MapProgress } from "../account/map-progress.ts";
import type { CallSite } from "../map/outcomes/read-outcomes.ts";
import { beginMap } from "./begin-map.ts";
import { notDurable } from "./begun.ts";
import type { Begun } from "./begun.ts";
import type { CallContext } from "./call-context.ts";
import { reporter, toldSink } from "./call-hooks.ts";
import type { CallLine } from "./call-line.ts";
import type { CheckedCall } from "./checked-call.ts";

export class WaitingCall<V> implements Begun {
  readonly id: string;
  readonly call: string;
  readonly callSite: CallSite;
  readonly watched: boolean;
  readonly warn: (message: string) => void;
  readonly #context: CallContext;
  readonly #line: CallLine;
  /** The caller's async context, in which its input is read and its callbacks are called. */
  readonly #scope: AsyncResource = new AsyncResource("PoolmqCall");
  readonly #name: string;
  readonly #items: number | undefined;
  #checked: CheckedCall<V> | undefined;
  #map: Begun | undefined;

  /** Puts the call in line. */
  constructor(context: CallContext, checked: CheckedCall<V>, line: CallLine) {
    this.id = checked.id;
    this.call = checked.call;
    this.callSite = checked.site;
    this.watched = checked.options.onError !== undefined;
    this.warn = context.warn;
    this.#context = context;
    this.#name = checked.name;
    this.#items = checked.input.length;
    this.#checked = checked;
    context.life.track(this);
    this.#line = line;
    line.wait(this);
    checked.options.signal?.addEventListener("abort", this);
  }

  get task(): string {
    return this.#map?.task ?? this.#name;
  }

  progress(): MapProgress {
    const ended = this.#checked === undefined;
    return this.#map?.progress() ?? { ...NO_PROGRESS, total: this.#items, ended };
  }

  insights(): MapInsights {
    return this.#map?.insights() ?? noInsights();
  }

  cancel(reason?: unknown): void {
    if (this.#map !== undefined) this.#map.cancel(reason);
    else this.fail(new CancelledError({ mapId: this.id, reason }));
  }

  /** Begins the call at once, since calls with a priority do not wait in line. */
  async setPriority(asked: number | undefined): Promise<void> {
    const priority = asked === undefined ? undefined : checkPriority(asked);
    if (this.#map !== undefined) return await this.#map.setPriority(priority);
    if (priority === undefined || this.#checked === undefined) return;
    this.#checked = { ...this.#checked, options: { ...this.#checked.options, priority } };
    this.#line.giveUp(this);
    this.begin();
  }

  /** Gives false, since durable calls do not wait in line. */
  async detach(): Promise<boolean> {
    throw notDurable(this.id, "be left to others");
  }

  async acknowledge(): Promise<void> {
    throw notDurable(this.id, "be acknowledged");
  }

  /** Begins the call, whose turn has come. Never throws: errors go to its sink. */
  begin(): void {
    const checked = this.#checked;
    if (checked === undefined) return;
    try {
      this.#map = this.#scope.runInAsyncScope(() => beginMap(this.#context, checked));
      this.#leaveLine(checked);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the call before its turn. */
  fail(error: unknown): void {
    const checked = this.#checked;
    if (checked === undefined) return;
    const { life } = this.#context;
    this.#line.giveUp(this);
    this.#leaveLine(checked);
    const map = { task: this.#name, progress: this.progress(), insights: noInsights() };
    const report = reporter(life, this.call);
    this.#scope.runInAsyncScope(() =>
      toldSink(checked, () => map, report).ended({ error, items: this.#items ?? 0 }),
    );
  }

  /** The caller's `AbortSignal` has fired. */
  handleEvent({ target }: Event): void {
    this.cancel((target as AbortSignal).reason);
  }

  look(): void {
    this.#map?.look?.();
  }

  handOn(): void {
    this.#map?.handOn();
  }

  /** Called after its map, if there is one, counts as pending: a closed pool ends as soon as nothing is pending. */
  #leaveLine({ options }: CheckedCall<V>): void {
    this.#checked = undefined;
    options.signal?.removeEventListener("abort", this);
    this.#context.life.untrack(this);
  }
}
