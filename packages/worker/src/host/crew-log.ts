import type { Logger } from "pino";

/** What a crew needs of its log. */
export type CrewLog = Pick<Logger, "info" | "warn" | "error">;

function drop(): void {}

/** For a crew whose hosts nobody wants to read about: loads no logger. */
export const SILENT: CrewLog = { info: drop, warn: drop, error: drop };
