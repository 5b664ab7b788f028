/** The door `@poolmq/producer/progress`: for people who watch a map on a terminal. */

export { progressBar } from "./progress-bar/progress-bar.ts";
export type { ProgressBarOptions, TerminalStream } from "./progress-bar/progress-bar.ts";
export type { MapProgress } from "./account/map-progress.ts";
