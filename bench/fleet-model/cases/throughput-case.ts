import { inTurns, medianOf } from "../../harness/rounds.ts";
import type { Case } from "./case.ts";

/** How many items a second a fleet does, in the median over some rounds. */
export async function throughputCase(
  fleet: string,
  rounds: number,
  predicted: number,
  itemsPerS: () => Promise<number>,
): Promise<Case> {
  const values = (await inTurns(rounds, [{ who: fleet, run: itemsPerS }])).get(fleet) ?? [];
  return { fleet, what: "throughput", unit: "items/s", predicted, measured: medianOf(values) };
}
