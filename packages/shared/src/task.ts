/** For code that runs in children and threads: light, without Redis. Promises nothing to anyone but the siblings. */

export { Attachments } from "./attachments.ts";
export { availableCores, Cgroup } from "./cgroup.ts";
export { checkOptions } from "./check-options.ts";
export { decode, encode, inText } from "./codec.ts";
export { decodeArguments } from "./arguments.ts";
export { encodeEach } from "./each.ts";
export { DecodeError, LimitError } from "./errors.ts";
export { isForeignKey } from "./foreign-key.ts";
export { checkTaskDefaults, TASK_DEFAULTS } from "./task-defaults.ts";
export type { CheckedTaskDefaults, TaskDefaults } from "./task-defaults.ts";
export { flushTelemetry, openTelemetry } from "./open-telemetry.ts";
export { decodeThrown, encodeThrown } from "./thrown.ts";
export type {
  FromChild,
  ItemOutcome,
  LogLine,
  OutcomeText,
  Payload,
  RemoteInfo,
  TaskInfo,
  ToChild,
} from "./wire.ts";
