/** For the sibling packages; promises nothing to anyone else. Light: no BullMQ, no Redis client, no command line. */

export { infoOf } from "./child/task-info.ts";
export { runChunk } from "./child/run-chunk.ts";
export type { ItemWatcher } from "./child/run-chunk.ts";
export { endItemLog, forwardItemLog } from "./child/item-log.ts";
export { taskLogger } from "./child/task-logger.ts";
export { loadTaskModule } from "./child/task-module.ts";
export type { TaskModule } from "./child/task-module.ts";
export { FrameWriter, readFrames } from "./pipe/frames.ts";
export { Crew } from "./crew/crew.ts";
export type { Run, RunEnd } from "./crew/run.ts";
export { ContainerMemory } from "./crew/container-memory.ts";
export { localCrew } from "./local/local-crew.ts";
export type { LocalCrew, LocalCrewEvents, LocalCrewOptions } from "./local/local-crew.ts";
export type { SharedValue } from "./job/shared-values.ts";
export { startLocalMachine } from "./local/local-machine.ts";
export type { LocalMachine, LocalMachineOptions } from "./local/local-machine.ts";
export { besideThis, nodeFlags } from "./node-command.ts";
export type { TaskContext } from "./task/task-context.ts";
export { prettyLine } from "./log/pretty-line.ts";
export { verdictOn } from "./job/verdict.ts";
export { Publisher } from "./job/publisher.ts";
export { aclRules } from "./watch/acl.ts";
export type { AclRole } from "./watch/acl.ts";
export { diagnose } from "./watch/diagnosis.ts";
export { waitsFor } from "./watch/waits-for.ts";
export { QueueWatcher } from "./watch/queue-watcher.ts";
export type { MachineView, MapView, QueueView } from "./watch/queue-view.ts";
