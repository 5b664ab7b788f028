import type { MachineView } from "../../watch/queue-view.ts";

/** Finds the machine by what the user typed, or says why none or several match. */
export function findMachine(given: string, machines: readonly MachineView[]): MachineView | string {
  const fits = machines.filter(({ id, host, pid }) => {
    return id.startsWith(given) || host === given || `${host}:${pid}` === given;
  });
  const [only] = fits;
  const exact = fits.find(({ id }) => id === given);
  if (exact !== undefined) return exact;
  if (only !== undefined && fits.length === 1) return only;
  if (only === undefined)
    return `There is no worker machine "${given}" on this queue. \`poolmq workers\` lists them`;
  return `More than one machine is meant by "${given}": ${fits.map(({ id }) => id).join(", ")}`;
}
