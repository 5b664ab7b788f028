/** What it means that the system did not start a host, and what to do about it. */

const REASONS: Readonly<Record<string, string>> = {
  EMFILE:
    "this process has too many open files (EMFILE). Each child process takes five: raise the limit of open files (`ulimit -n`), or start fewer `processes`",
  ENFILE: "the system has too many open files (ENFILE): raise its limit, or start fewer `processes`",
  EAGAIN:
    "the system allows no more processes or threads (EAGAIN): raise their limit (`ulimit -u`, or `pids.max` of the container), or start fewer `processes`",
  ENOMEM: "the system has no memory for another process (ENOMEM): start fewer `processes`",
};

/** Makes the error that says so, with the system's own error as its cause. */
export function refusedStart(error: Error): Error {
  const { code = "" } = error as NodeJS.ErrnoException;
  const reason = REASONS[code] ?? error.message;
  return Object.assign(new Error(`the system did not start it: ${reason}`, { cause: error }), { code });
}
