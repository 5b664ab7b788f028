import { InvalidOptionError } from "@poolmq/shared";

import type { MachineView } from "../../watch/queue-view.ts";

/** The most machines that a message names. */
const MAX_NAMED = 5;

/**
 * Finds the machine by what the user typed, or says why none or several match.
 *
 * @throws InvalidOptionError if it is empty, as a variable that is not set: each id begins so
 */
export function findMachine(given: string, machines: readonly MachineView[]): MachineView | string {
  if (given === "") throw new InvalidOptionError('Expected a worker machine, got ""');
  const fits = machines.filter(({ id, host, pid }) => {
    return id.startsWith(given) || host === given || `${host}:${pid}` === given;
  });
  const [only] = fits;
  const exact = fits.find(({ id }) => id === given);
  if (exact !== undefined) return exact;
  if (only !== undefined && fits.length === 1) return only;
  if (only === undefined)
    return `There is no worker machine "${given}" on this queue${whatThereIs(machines)}`;
  return `More than one machine is meant by "${given}": ${listed(fits)}. Give the id of one of them`;
}

/** What there is in place of a machine that is not there, and what to do. */
function whatThereIs(machines: readonly MachineView[]): string {
  if (machines.length === 0) return ": none is alive. Start one with: poolmq worker <module>";
  return `, only ${listed(machines)}. Give the id or its beginning, the host, or <host>:<pid>`;
}

function listed(machines: readonly MachineView[]): string {
  const named = machines.slice(0, MAX_NAMED).map(({ id, host, pid }) => `${host}:${pid} (${id})`);
  const more = machines.length - named.length;
  return named.join(", ") + (more === 0 ? "" : ` and ${more} more, which \`poolmq workers\` lists`);
}
