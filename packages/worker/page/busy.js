/** How many runs are under way, as far as the machines have told it. */

/**
 * @typedef {import("../src/feed/messages.ts").PageMachine} PageMachine
 * @typedef {Pick<PageMachine, "children" | "unfit" | "processes" | "concurrency">} Told
 */

/**
 * Number of runs on a machine; `null` if it has not told. Machines tell it only while somebody watches, so that a page that
 * was just opened does not know it.
 *
 * @param {Pick<Told, "children" | "unfit">} machine
 * @returns {number | null}
 */
export function runningOn({ children, unfit }) {
  if (children === null) return unfit === null ? null : 0;
  return children.reduce((sum, { running }) => sum + running.length, 0);
}

/** How many runs a machine can have at a time. @param {Pick<Told, "processes" | "concurrency">} machine */
export function slotsOf({ processes, concurrency }) {
  return processes * concurrency;
}

/**
 * The same for those of many machines that have told it; `running` is `null` if none has.
 *
 * @param {readonly Told[]} machines
 * @returns {{ running: number | null, slots: number, untold: number }}
 */
export function busyOf(machines) {
  const told = machines.filter((machine) => runningOn(machine) !== null);
  const untold = machines.length - told.length;
  const slots = (told.length > 0 ? told : machines).reduce((sum, machine) => sum + slotsOf(machine), 0);
  if (told.length === 0 && untold > 0) return { running: null, slots, untold };
  return { running: told.reduce((sum, machine) => sum + (runningOn(machine) ?? 0), 0), slots, untold };
}

/**
 * `1 of 2`, or `– of 2` where it is not known how many.
 *
 * @param {number | null} running
 * @param {number} slots
 * @param {(value: number) => string} format
 */
export function ofSlots(running, slots, format) {
  return `${running === null ? "–" : format(running)} of ${format(slots)}`;
}
