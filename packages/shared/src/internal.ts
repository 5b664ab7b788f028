/** For the sibling packages; promises nothing to anyone else. */

// Imported first, so that a Node that is too old is reported before anything else fails.
export { checkRunsProcesses, complaintAbout } from "./host/runtime.ts";
export {
  checkCodeVersion,
  checkInteger,
  checkLogger,
  checkMilliseconds,
  checkOptions,
  checkPriority,
  checkQueueName,
  given,
  MAX_PRIORITY,
} from "./options/check-options.ts";
export { moduleOrSibling } from "./options/module-or-sibling.ts";
export { availableCores, Cgroup } from "./host/cgroup.ts";
export { decodeArguments, encodeArguments } from "./values/arguments.ts";
export type { ArgumentForm } from "./values/arguments.ts";
export { Attachments } from "./values/attachments.ts";
export { allocate, free } from "./values/memory.ts";
export { decode, encode, inText } from "./values/codec.ts";
export { decodeEach, encodeEach } from "./values/encode-each.ts";
export { resolveConnection } from "./redis/connection/connection-options.ts";
export type { ResolvedConnection } from "./redis/connection/connection-options.ts";
export { checkShards, resolveShards, urlsOf } from "./redis/connection/resolve-shards.ts";
export { errorFacts } from "./thrown/error-facts.ts";
export { ErrorGroups, kindOfError, MAX_GROUPS } from "./thrown/error-groups.ts";
export { failureError } from "./thrown/failure-error.ts";
export { isWrongType } from "./redis/is-wrong-type.ts";
export { nearest } from "./errors/nearest.ts";
export { loadingTasks } from "./host/loading-tasks.ts";
export { MACHINE_LOSS_ATTEMPTS } from "./host/machine-losses.ts";
export { openTelemetry, packageVersion, QUEUE_FIELD } from "./host/open-telemetry.ts";
export type { Attributes, Context, OpenTelemetry, Span, SpanContext } from "./host/open-telemetry.ts";
export { isPrivateQueueName, privateQueueName } from "./store/keys/private-queue.ts";
export { queueShards } from "./store/shards/queue-shards.ts";
export type { QueueShard } from "./store/shards/queue-shards.ts";
export { shardNames } from "./store/shards/shard-names.ts";
export { runTimesOf, TimeSketch } from "./store/reports/run-times.ts";
export type { RunTimes } from "./store/reports/run-times.ts";
export { classifyRefusal, refusedError, unlessFull } from "./redis/refusal.ts";
export { redactUrl } from "./redis/connection/redact-url.ts";
export {
  HOST_OPTIONS,
  PROCESS_DEFAULTS,
  PROCESS_OPTIONS,
  resolveHostOptions,
  resolveProcessOptions,
} from "./options/host-options.ts";
export type { ResolvedHostOptions, ResolvedProcessOptions } from "./options/host-options.ts";
export { checkTaskDefaults, TASK_DEFAULTS } from "./options/task-defaults.ts";
export type { CheckedTaskDefaults } from "./options/task-defaults.ts";
export { attachRemote, decodeThrown, encodeThrown } from "./thrown/thrown.ts";
export { RUNS_ON_VARIABLE } from "./host/runs-on.ts";
export { digestOfBytes, readKeyLines, resolveSigningKeys, SEAL_MARK } from "./signing/signing.ts";
export type { Signer, SigningKeys } from "./signing/signing.ts";
export { inspectBriefly } from "./errors/inspect-briefly.ts";
export { REFUSED } from "./values/uncloneable.ts";
export { WIRE_VERSION } from "./wire.ts";
export type { ControlMessage } from "./wire-control.ts";
export { repeatWhenAnswered } from "./host/repeat-when-answered.ts";
export { AskTogether } from "./host/ask-together.ts";
export { endTogether } from "./host/end-together.ts";
export { MAX_TIMER_MS, settlesWithin } from "./host/settles-within.ts";
export { unlessAborted } from "./host/unless-aborted.ts";
export { userName } from "./host/user-name.ts";
export type {
  FailedJob,
  Failure,
  ItemOutcome,
  JobData,
  StoredJobData,
  KeptOutcome,
  Limit,
  LogBatch,
  LogLine,
  OutcomeText,
  RanText,
  Payload,
  RemoteInfo,
  Suspect,
  TaskInfo,
  WorkerAdvertisement,
} from "./wire.ts";
export type {
  ChildDetail,
  ErrorGroup,
  LineBatch,
  MapReport,
  MapState,
  SpanDetail,
  StackAnswer,
  WorkerDetail,
} from "./wire-watch.ts";
export { toJson } from "./values/to-json.ts";
