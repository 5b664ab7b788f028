import type { WorkerAdvertisement } from "../../wire.ts";

/** Gives an advertisement that has what is read of it. A machine that can't be understood does not stop the others. */
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
