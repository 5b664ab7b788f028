/**
 * Gives a list as it is after a change: what has not changed of it stays as it was.
 *
 * @template {{ readonly id: string }} T
 * @param {readonly T[]} before
 * @param {import("../src/feed/list-changes.ts").ListChange<T>} change
 * @returns {readonly T[]}
 */
export function changedList(before, { ids, changed }) {
  const known = new Map(before.map((of) => [of.id, of]));
  const list = ids === undefined ? [...before] : ids.map((id) => known.get(id) ?? /** @type {T} */ ({ id }));
  for (const [place, fields] of changed) list[place] = /** @type {T} */ ({ ...list[place], ...fields });
  return list;
}

/**
 * @typedef {import("../src/feed/messages.ts").PageMachine} PageMachine
 *
 * @param {readonly PageMachine[]} before
 * @param {import("../src/feed/messages.ts").TickMessage["machines"]} change
 * @returns {readonly PageMachine[]}
 */
export function changedMachines(before, { ids, changed }) {
  const list = [...changedList(before, { ...(ids === undefined ? {} : { ids }), changed: [] })];
  for (const [place, { machine, children }] of changed) {
    const was = list[place];
    const now = children == null ? children : changedList(was?.children ?? [], children);
    list[place] = /** @type {PageMachine} */ ({
      ...was,
      ...machine,
      ...(now === undefined ? {} : { children: now }),
    });
  }
  return list;
}
