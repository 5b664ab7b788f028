/** The entry point `@poolmq/producer/progress`: progress bars on a terminal. */

export { progressBar } from "./progress-bar/progress-bar.ts";
export type { ProgressBarOptions, TerminalStream } from "./progress-bar/progress-bar.ts";
export type { MapProgress } from "./account/map-progress.ts";
