/** Which worker machines a producer can work with, as far as signing goes. */

import { SigningKeyError } from "../errors/call-errors.ts";
import type { Signer } from "./signing.ts";
import type { WorkerAdvertisement } from "../wire.ts";

/** Whether a machine accepts what this producer signs, and this producer accepts what the machine signs. */
export function isFitting(machine: WorkerAdvertisement, signer: Signer | undefined): boolean {
  const { keys } = machine;
  if (signer === undefined) return keys === undefined;
  const [ours] = signer.keyIds;
  return (
    Array.isArray(keys) &&
    ours !== undefined &&
    keys.includes(ours) &&
    signer.isGenuineObject("advertisement", machine)
  );
}

/**
 * Gives those of the machines that fit.
 *
 * @throws SigningKeyError if there are machines, and none fits
 */
export function fittingMachines(
  machines: readonly WorkerAdvertisement[],
  signer: Signer | undefined,
  queue: string,
): WorkerAdvertisement[] {
  const fitting = machines.filter((machine) => isFitting(machine, signer));
  if (fitting.length > 0 || machines.length === 0) return fitting;
  const hosts = [...new Set(machines.map(({ host }) => String(host)))].slice(0, 5);
  const signing = machines.some(({ keys }) => keys !== undefined);
  const problem = signer === undefined ? "producer has none" : signing ? "keys differ" : "workers have none";
  throw new SigningKeyError({ problem, queue, hosts });
}
