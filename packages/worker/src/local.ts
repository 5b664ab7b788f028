/**
 * For `@poolmq/producer`: what a pool loads to run workers of its own. The first result of a pool without Redis waits for
 * this import, so it loads neither the Redis client nor BullMQ. Promises nothing to anyone else.
 */

export { localCrew } from "./local/local-crew.ts";
export type { InlineLevel } from "./host/inline-host.ts";
export { currentTaskContext } from "./task/task-context.ts";
export type { LocalCrew, LocalCrewOptions } from "./local/local-crew.ts";
export { startLocalMachine } from "./local/local-machine.ts";
export type { LocalMachine } from "./local/local-machine.ts";
export type { Crew } from "./crew/crew.ts";
export type { Run, RunEnd } from "./runs/run.ts";
export type { SharedValue } from "./job/context/kept-shares.ts";
export { writeReplayFile } from "./replay/replay-file.ts";
export type { SharedMemory } from "./pipe/pipe-messages.ts";
export { afterCut, mayBeCut, skippedOf } from "./outcome/after-cut.ts";
export { verdictOn } from "./outcome/verdict.ts";
