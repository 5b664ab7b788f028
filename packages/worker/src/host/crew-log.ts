import type { Logger } from "pino";

/** What a crew needs of its log. */
export type CrewLog = Pick<Logger, "info" | "warn" | "error">;

function drop(): void {}

/** A log that writes nothing, and loads no logger. */
export const SILENT: CrewLog = { info: drop, warn: drop, error: drop };
