/** For code that runs in children and threads: light, without Redis. Promises nothing to anyone but the siblings. */

export { Attachments } from "./values/attachments.ts";
export { availableCores, Cgroup } from "./host/cgroup.ts";
export { checkOptions } from "./options/check-options.ts";
export { decode, encode, inText } from "./values/codec.ts";
export { decodeArguments } from "./values/arguments.ts";
export { allocate, free, lend, release } from "./values/memory.ts";
export { encodeEach } from "./values/encode-each.ts";
export { BatchResultError, DecodeError, InvalidArgumentsError, LimitError } from "./errors/item-errors.ts";
export { isWrongType } from "./redis/is-wrong-type.ts";
export { checkTaskDefaults, TASK_DEFAULTS } from "./options/task-defaults.ts";
export type { CheckedTaskDefaults, TaskDefaults } from "./options/task-defaults.ts";
export { setLoadingTasks } from "./host/loading-tasks.ts";
export { flushTelemetry, openTelemetry, packageVersion, QUEUE_FIELD } from "./host/open-telemetry.ts";
export type { Attributes } from "./host/open-telemetry.ts";
export { decodeThrown, encodeThrown } from "./thrown/thrown.ts";
export { endTogether } from "./host/end-together.ts";
export { toJson } from "./values/to-json.ts";
export type { ItemOutcome, JobData, LogLine, OutcomeText, Payload, RemoteInfo, TaskInfo } from "./wire.ts";
