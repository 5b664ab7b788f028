/** The door `@poolmq/producer/progress`: for people who watch a map on a terminal. */

export { progressBar } from "./progress-bar.ts";
export type { ProgressBarOptions, TerminalStream } from "./progress-bar.ts";
export type { MapProgress } from "./map-progress.ts";
