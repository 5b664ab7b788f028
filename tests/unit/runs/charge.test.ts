import { describe, expect, test } from "vitest";

import { chargeOf, suspect } from "../../../packages/worker/src/runs/charge.ts";
import { Ticket } from "../../../packages/worker/src/runs/run.ts";
import type { SentRun } from "../../../packages/worker/src/runs/sent-runs.ts";
import { aRun } from "./a-run.ts";

function sent(facts: Partial<Pick<Ticket, "begun" | "running">>, outcomes: number[] = []): SentRun {
  const ticket = Object.assign(new Ticket(aRun({ n: 3 }), () => {}), facts);
  for (const offset of outcomes) ticket.ended(offset, { s: "ok", value: "1" });
  return { id: 7, slot: 0, ticket, revoking: false, revoked: false, timer: undefined };
}

const BEGUN = { begun: true, running: true };

describe("a host that ends without a word", () => {
  test("charges what had begun, and nothing that only waited in its pipe", () => {
    expect(chargeOf(sent(BEGUN), undefined, true)).toBe("charged");
    expect(chargeOf(sent({}), undefined, true)).toBe("back");
    expect(chargeOf(sent({ running: true }), undefined, true)).toBe("back");
  });

  test("charges what was to run first if it has never worked: it would be started for ever", () => {
    expect(chargeOf(sent({ running: true }), undefined, false)).toBe("charged");
    expect(chargeOf(sent({}), undefined, false)).toBe("back");
  });

  test("charges nothing that has not begun if something else has, even if it has never worked", () => {
    expect(chargeOf(sent({ running: true }), undefined, false, true)).toBe("back");
    expect(chargeOf(sent(BEGUN), undefined, false, true)).toBe("charged");
  });
});

describe("a host that says who did it", () => {
  test("charges nobody else", () => {
    expect(chargeOf(sent(BEGUN), { id: 7, offset: 1, thrown: undefined }, true)).toBe("charged");
    expect(chargeOf(sent(BEGUN), { id: 3, offset: 0, thrown: undefined }, true)).toBe("back");
  });

  test("charges nobody if that item has its outcome by now", () => {
    expect(chargeOf(sent(BEGUN, [1]), { id: 7, offset: 1, thrown: undefined }, true)).toBe("interrupted");
    expect(chargeOf(sent(BEGUN, [1]), { id: 7, offset: 2, thrown: undefined }, true)).toBe("charged");
  });

  test("charges the first that a host runs if our own code fails, and nobody later", () => {
    const words = { id: undefined, offset: undefined, thrown: undefined, isOwn: true };
    const often = sent(BEGUN);
    often.ticket.suspicions = 4;
    expect(chargeOf(often, words, true)).toBe("charged");
    expect(chargeOf(sent(BEGUN), words, false)).toBe("charged");
    expect(chargeOf(sent(BEGUN), words, true)).toBe("back");
  });

  test("charges nobody if something that an ended item left behind keeps the others from running", () => {
    const words = { id: 3, offset: 0, thrown: undefined, isOwn: true };
    const late = sent(BEGUN);
    late.ticket.stopped = "timeout";
    suspect(late.ticket, words);
    expect([late.ticket.stopped, late.ticket.suspicions]).toEqual([undefined, 1]);
    expect(chargeOf(late, words, true)).toBe("back");
    const cancelled = sent(BEGUN);
    cancelled.ticket.stopped = "cancelled";
    suspect(cancelled.ticket, words);
    expect(cancelled.ticket.stopped).toBe("cancelled");
  });

  test("charges what runs if it does not know whose it was", () => {
    expect(chargeOf(sent(BEGUN), { id: undefined, offset: undefined, thrown: '"x"' }, true)).toBe("charged");
  });
});
