import type { WorkerAdvertisement } from "../../wire.ts";

/**
 * Reads an advertisement, and checks the fields that poolmq uses. Gives `undefined` if one is wrong, so that one damaged
 * entry does not hide the other machines.
 */
export function readAdvertisement(text: unknown): WorkerAdvertisement | undefined {
  let read: Partial<WorkerAdvertisement> | null;
  try {
    read = JSON.parse(String(text)) as Partial<WorkerAdvertisement> | null;
  } catch {
    return undefined;
  }
  const { tasks, processes } = read ?? {};
  const isWhole =
    typeof tasks === "object" &&
    tasks !== null &&
    Object.values(tasks).every((info) => typeof info === "object" && info !== null) &&
    Number.isSafeInteger(processes);
  return isWhole ? (read as WorkerAdvertisement) : undefined;
}
