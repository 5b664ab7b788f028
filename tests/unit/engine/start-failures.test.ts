import { TasksModuleError } from "@poolmq/producer";
import { StartFailures } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

const failure = (phase: "load" | "exit", reason: string): TasksModuleError =>
  new TasksModuleError({ module: "tasks.ts", phase, cause: new Error(reason) });

/** Of so many starts in a row, at which one a pool gives up; `undefined` if it goes on. */
function givesUpAt(starts: number, make: () => TasksModuleError): number | undefined {
  const failures = new StartFailures();
  const at = Array.from({ length: starts }, () => failures.isHopeless(make())).indexOf(true);
  return at === -1 ? undefined : at + 1;
}

test("a module that no longer loads is given up at the fifth start", () => {
  expect(givesUpAt(10, () => failure("load", "no second time"))).toBe(5);
});

test("one failure that is told several times counts once", () => {
  const one = failure("load", "no second time");
  expect(givesUpAt(50, () => one)).toBeUndefined();
});

test("workers that somebody kills while they start are not given up for long", () => {
  const killed = (): TasksModuleError =>
    failure("exit", "exit code null, signal SIGKILL, before it was ready");
  expect(givesUpAt(99, killed)).toBeUndefined();
  expect(givesUpAt(200, killed)).toBe(100);
});

test("a worker that becomes ready ends the count", () => {
  const failures = new StartFailures();
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 4; i++) expect(failures.isHopeless(failure("load", "no"))).toBe(false);
    expect(failures.isHopeless(undefined)).toBe(false);
  }
});
