/** Finds what has changed of the machines since the last look, separately for each of their processes. */

import { ListChanges } from "./list-changes.ts";
import type { MachineChange, PageChild, PageMachine, TickMessage } from "./messages.ts";

export class MachineChanges {
  readonly #machines = new ListChanges<Omit<PageMachine, "children">>();
  /** By machine. */
  #children = new Map<string, ListChanges<PageChild>>();

  next(list: readonly PageMachine[]): TickMessage["machines"] {
    const { changed, ...order } = this.#machines.next(list.map(({ children: _, ...machine }) => machine));
    const fields = new Map(changed);
    const known = new Map<string, ListChanges<PageChild>>();
    const changes = list.flatMap(({ id, children }, place): [number, MachineChange][] => {
      const machine = fields.get(place);
      const before = this.#children.get(id);
      if (children === null) {
        const isNews = before !== undefined || machine?.id !== undefined;
        return isNews
          ? [[place, { machine: machine ?? {}, children: null }]]
          : machine
            ? [[place, { machine }]]
            : [];
      }
      const ofThis = before ?? new ListChanges<PageChild>();
      known.set(id, ofThis);
      const news = ofThis.next(children);
      const isSame = news.ids === undefined && news.changed.length === 0;
      if (isSame) return machine === undefined ? [] : [[place, { machine }]];
      return [[place, { machine: machine ?? {}, children: news }]];
    });
    this.#children = known;
    return { ...order, changed: changes };
  }
}
