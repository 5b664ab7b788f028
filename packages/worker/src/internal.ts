/** For the sibling packages; promises nothing to anyone else. */

export { runChunk } from "./item/run-chunk.ts";
export { loadTaskModule } from "./tasks-module/task-module.ts";
export { FrameWriter, readFrames } from "./pipe/frames.ts";
export { Crew } from "./crew/crew.ts";
export type { Run, RunEnd } from "./runs/run.ts";
export { ContainerMemory } from "./host/container-memory.ts";
export type { TaskContext } from "./task/task-context.ts";
export { prettyLine } from "./log/pretty-line.ts";
export { Publisher } from "./outcome/publisher.ts";
export { aclRules } from "./watch/acl.ts";
export type { AclRole } from "./watch/acl.ts";
export { isStraggler } from "./cli/view/straggler.ts";
export { lastTop, moveOf, visible } from "./cli/view/scroll.ts";
export { statusText } from "./cli/view/status-text.ts";
export { table } from "./cli/view/table.ts";
export { diagnose } from "./watch/diagnosis.ts";
export { waitsFor } from "./watch/waits-for.ts";
export { ListChanges } from "./feed/list-changes.ts";
export { MachineChanges } from "./feed/machine-changes.ts";
export type { PageMachine } from "./feed/messages.ts";
export { RecentLines } from "./log/recent-lines.ts";
export { isWanted, LogReader } from "./watch/log-reader.ts";
export { QueueWatcher } from "./watch/queue-watcher.ts";
export type { MachineView, MapView, QueueView } from "./watch/queue-view.ts";
export { ForsakenJobs } from "./queue/forsaken-jobs.ts";
