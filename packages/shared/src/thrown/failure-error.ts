import {
  CodeVersionError,
  CorruptJobError,
  SharedValueGoneError,
  TaskNotRegisteredError,
  TaskTimeoutError,
  WireVersionError,
  WorkerLostError,
} from "../errors/item-errors.ts";
import type { PoolmqError } from "../errors/poolmq-error.ts";
import type { Failure, RemoteInfo } from "../wire.ts";
import { decodeThrown } from "./thrown.ts";

/** Makes the typed error of a failure that a worker reported as facts. */
export function failureError(failure: Failure, by: RemoteInfo): PoolmqError {
  const error = make(failure, by);
  error.remote = by;
  return error;
}

/** The error that ended the process, if the worker reported it. */
function causeOf(thrown: string | undefined): { readonly cause?: unknown } {
  return thrown === undefined ? {} : { cause: decodeThrown(thrown) };
}

function make(failure: Failure, by: RemoteInfo): PoolmqError {
  switch (failure.code) {
    case "WORKER_LOST":
      return new WorkerLostError({ ...failure, by, ...causeOf(failure.thrown) });
    case "TASK_TIMEOUT":
      return new TaskTimeoutError({ ...failure, by });
    case "TASK_NOT_REGISTERED":
      return new TaskNotRegisteredError({ task: by.task, known: failure.known });
    case "CODE_VERSION":
      return new CodeVersionError({ ...failure, task: by.task });
    case "WIRE_VERSION":
      return new WireVersionError({ ...failure, worker: by.worker });
    case "SHARED_VALUE_GONE":
      return new SharedValueGoneError(failure);
    case "CORRUPT_JOB":
      return new CorruptJobError({ index: by.index, reason: failure.reason });
    default:
      failure satisfies never;
      return new CorruptJobError({
        index: by.index,
        reason: "it failed in a way that this version does not know",
      });
  }
}
