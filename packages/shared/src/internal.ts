/** For the sibling packages; promises nothing to anyone else. */

export { aclRules } from "./acl.ts";
export type { AclRole } from "./acl.ts";
export {
  checkEnvironment,
  checkInteger,
  checkLogger,
  checkOptions,
  checkQueueName,
} from "./check-options.ts";
export { fetchPlainJobs, plainJobs } from "./plain-jobs.ts";
export { availableCores, Cgroup } from "./cgroup.ts";
export { CancelReader, tellCancelled } from "./cancels.ts";
export { checkServer } from "./check-server.ts";
export { decodeArguments, encodeArguments } from "./arguments.ts";
export type { ArgumentForm } from "./arguments.ts";
export { Attachments } from "./attachments.ts";
export { decode, encode, inText } from "./codec.ts";
export { decodeEach, encodeEach } from "./each.ts";
export { resolveConnection } from "./connection-options.ts";
export type { ResolvedConnection } from "./connection-options.ts";
export { connect, destroyConnection } from "./connection.ts";
export { failureError } from "./failure-error.ts";
export { GatherScripts, MAP_TTL_MS } from "./gather-scripts.ts";
export type { Outcome } from "./gather-scripts.ts";
export { isForeignKey } from "./foreign-key.ts";
export { jobIdOf, queueKeys } from "./keys.ts";
export type { QueueKeys } from "./keys.ts";
export { readMapReport, rewriteMapReport, writeMapReports } from "./map-reports.ts";
export { nearest } from "./nearest.ts";
export { openTelemetry } from "./open-telemetry.ts";
export type { Attributes, Context, OpenTelemetry, Span, SpanContext } from "./open-telemetry.ts";
export { isPrivateQueueName, privateQueueName } from "./private-queue.ts";
export { QueueWatcher } from "./queue-watcher.ts";
export type {
  ChildView,
  ErrorGroupView,
  ErrorsView,
  JobCounts,
  MachineView,
  MapView,
  ProducerView,
  QueueView,
  RedisView,
  RunningView,
  RunTimes,
  SpanView,
} from "./queue-view.ts";
export { runScript } from "./run-script.ts";
export type { Script } from "./run-script.ts";
export { bucketOf } from "./run-times.ts";
export { redactUrl } from "./redact-url.ts";
export { checkTaskDefaults, TASK_DEFAULTS } from "./task-defaults.ts";
export type { CheckedTaskDefaults } from "./task-defaults.ts";
export { attachRemote, decodeThrown, encodeThrown } from "./thrown.ts";
export { RUNS_ON_VARIABLE } from "./runs-on.ts";
export { fittingMachines, isFitting } from "./fitting-machines.ts";
export {
  areSignedBytes,
  checkJob,
  contentOf,
  openOutcome,
  sealOutcome,
  shareFacts,
  signJob,
  signJobState,
} from "./signed-job.ts";
export { digestOfBytes, readKeyLines, resolveSigningKeys, SEAL_MARK } from "./signing.ts";
export type { Signer, SigningKeys } from "./signing.ts";
export { short } from "./short.ts";
export { REFUSED } from "./uncloneable.ts";
export { unrefConnection } from "./unref-connection.ts";
export { WIRE_VERSION } from "./wire.ts";
export { within } from "./within.ts";
export type {
  ChildDetail,
  ControlMessage,
  ErrorGroup,
  FailedJob,
  Failure,
  FromChild,
  FromGuard,
  ItemOutcome,
  JobData,
  KeptOutcome,
  MapReport,
  MapState,
  LogBatch,
  LogLine,
  OutcomeText,
  RanText,
  Payload,
  RemoteInfo,
  SpanDetail,
  Suspect,
  TaskInfo,
  ToChild,
  ToGuard,
  WorkerAdvertisement,
  WorkerDetail,
} from "./wire.ts";
