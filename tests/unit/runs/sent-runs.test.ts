import { expect, test } from "vitest";

import { Ticket } from "../../../packages/worker/src/runs/run.ts";
import { SentRuns } from "../../../packages/worker/src/runs/sent-runs.ts";
import { aRun } from "./a-run.ts";

const ticket = (): Ticket => new Ticket(aRun(), () => {});

test("ids only grow, and a place is free again once its run is answered", () => {
  const sent = new SentRuns(1);
  const one = sent.add(ticket());
  expect(sent.hasSlot).toBe(false);
  expect(() => sent.add(ticket())).toThrow("without a place");
  expect(sent.answered(one.id)).toBe(one);
  expect(sent.answered(one.id)).toBeUndefined();
  const two = sent.add(ticket());
  expect(two).toMatchObject({ id: 2, slot: one.slot });
});

test("the place of a run that ends while it is asked for back waits for the guard: its word would hit the next one", () => {
  const sent = new SentRuns(1);
  const one = sent.add(ticket());
  one.revoking = true;
  sent.answered(one.id);
  expect(sent.hasSlot).toBe(false);
  expect(sent.guardAnswered(one.id, false)).toBeUndefined();
  expect(sent.hasSlot).toBe(true);
});

test("a run that was given back keeps its place until the host has passed over it", () => {
  const sent = new SentRuns(1);
  const one = sent.add(ticket());
  one.revoking = true;
  expect(sent.guardAnswered(one.id, true)).toBe(one);
  expect([...sent.live()]).toEqual([]);
  expect(sent.hasSlot).toBe(false);
  expect(sent.answered(one.id)).toMatchObject({ revoked: true });
  expect(sent.hasSlot).toBe(true);
});

test("a guard that answers what it was not asked changes nothing", () => {
  const sent = new SentRuns(2);
  const one = sent.add(ticket());
  expect(sent.guardAnswered(one.id, true)).toBeUndefined();
  expect(sent.guardAnswered(99, true)).toBeUndefined();
  expect([...sent.live()]).toEqual([one]);
});

test("when the host is gone, those are left that it never answered and that were not given back", () => {
  const sent = new SentRuns(3);
  const [one, two, three] = [sent.add(ticket()), sent.add(ticket()), sent.add(ticket())];
  sent.answered(one.id);
  two.revoking = true;
  sent.guardAnswered(two.id, true);
  expect(sent.clear()).toEqual([three]);
  expect(sent.size).toBe(0);
});
