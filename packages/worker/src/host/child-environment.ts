/** The environment that user code sees: an allow-list, so that the supervisor's Redis URL and secrets stay with it. */

import { RUNS_ON_VARIABLE } from "@poolmq/shared/internal";

/** What programs need to find their files, their locale, their certificates and Node's own settings. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|PWD|HOSTNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|TMPDIR|TMP|TEMP|NODE_ENV|NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|NODE_NO_WARNINGS|NODE_COMPILE_CACHE|NODE_DISABLE_COMPILE_CACHE|SSL_CERT_FILE|SSL_CERT_DIR|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|SYSTEMROOT|UV_THREADPOOL_SIZE|POOLMQ_TASK_[A-Z0-9_]+)$/i;

/**
 * Gives the variables of a child: the harmless ones of this process, every `POOLMQ_TASK_…`, those that `extra` sets,
 * and the id of its machine, after those of the machines on which this one runs as a part of a task.
 */
export function childEnvironment(
  machineId: string,
  extra: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const passed = Object.entries(env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined && PASSED.test(entry[0]);
  });
  const outer = env[RUNS_ON_VARIABLE];
  const runsOn = outer === undefined ? machineId : `${outer} ${machineId}`;
  return { ...Object.fromEntries(passed), ...extra, [RUNS_ON_VARIABLE]: runsOn };
}
