import { MACHINE_LOSS_ATTEMPTS, WIRE_VERSION } from "@poolmq/shared/internal";
import type { Failure } from "@poolmq/shared/internal";

import type { JobContext, JobInHand } from "./context/job-context.ts";

/** The parts of the job context that `refuseJob` uses. */
interface RefusalContext {
  readonly machine: Pick<JobContext["machine"], "tasks" | "codeVersion">;
  readonly fleet: Pick<JobContext["fleet"], "remembered">;
  readonly seals: Pick<JobContext["seals"], "believes">;
}

/**
 * Says why this machine can't run a job: a failure, which is then the job's outcome, or "elsewhere" if another machine
 * can run it. Gives `undefined` if it can be run here.
 */
export function refuseJob(
  context: RefusalContext,
  {
    job,
    data,
  }: Pick<JobInHand, "data"> & { readonly job: Pick<JobInHand["job"], "name" | "stalledCounter"> },
): Failure | undefined | Promise<Failure | "elsewhere"> {
  if (data.v !== WIRE_VERSION) return { code: "WIRE_VERSION", expected: WIRE_VERSION, got: data.v };
  if (job.stalledCounter >= MACHINE_LOSS_ATTEMPTS) {
    const losses = job.stalledCounter;
    return { code: "WORKER_LOST", losses, exitCode: null, signal: null, outOfMemory: false };
  }
  const { codeVersion } = data;
  if (codeVersion !== undefined) return refuseVersion(context, job.name, codeVersion);
  if (Object.hasOwn(context.machine.tasks, job.name)) return undefined;
  return refuseUnknown(context, job.name);
}

/** Called if this machine has no such function: looks whether another machine has it. */
async function refuseUnknown(
  { machine, fleet, seals }: RefusalContext,
  name: string,
): Promise<Failure | "elsewhere"> {
  const believed = (await fleet.remembered()).filter((other) => seals.believes(other));
  const known = new Set([machine.tasks, ...believed.map(({ tasks }) => tasks)].flatMap(Object.keys));
  return known.has(name) ? "elsewhere" : { code: "TASK_NOT_REGISTERED", known: [...known].sort() };
}

/** Called if the call asks for a version of the code: if this machine does not have it, looks whether another does. */
function refuseVersion(
  context: RefusalContext,
  name: string,
  asked: string,
): undefined | Promise<Failure | "elsewhere"> {
  const { machine, fleet, seals } = context;
  if (machine.codeVersion === asked && Object.hasOwn(machine.tasks, name)) return undefined;
  return (async () => {
    const believed = (await fleet.remembered()).filter((other) => seals.believes(other));
    if (believed.some(({ codeVersion, tasks }) => codeVersion === asked && Object.hasOwn(tasks, name))) {
      return "elsewhere";
    }
    const known = new Set([machine, ...believed].flatMap(({ codeVersion }) => codeVersion ?? []));
    return { code: "CODE_VERSION", asked, known: [...known].sort() };
  })();
}
