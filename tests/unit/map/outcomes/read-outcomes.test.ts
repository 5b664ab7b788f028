/** What a producer makes of outcomes that nobody published: errors of the items, and nothing else. */

import { readOutcomes } from "@poolmq/producer/internal";
import { encode, encodeEach, encodeThrown, type ItemOutcome } from "@poolmq/shared/internal";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

const by = { task: "t", index: 0, attempt: 1, worker: "w", pid: 1 };

const GENUINE: readonly string[] = [
  `=${encodeEach([1, "two"])}`,
  `=${encodeEach([undefined, new Map([[1, new Date(0)]])])}`,
  `!${JSON.stringify([
    { s: "ok", value: encode(1n) },
    { s: "threw", thrown: encodeThrown(new TypeError("no", { cause: new AggregateError([1]) })), by },
  ] satisfies ItemOutcome[])}`,
  `!${JSON.stringify([
    { s: "failed", failure: { code: "TASK_TIMEOUT", timeoutMs: 1 }, by },
    {
      s: "failed",
      failure: { code: "WORKER_LOST", losses: 1, exitCode: 1, signal: null, outOfMemory: false },
      by,
    },
  ] satisfies ItemOutcome[])}`,
];

const POLLUTING = [
  `=[{"__proto__":{"polluted":1}},{"constructor":{"prototype":{"polluted":1}}}]`,
  `![{"__proto__":{"s":"ok","polluted":1}},{"s":"ok","value":"{\\"__proto__\\":{\\"polluted\\":1}}"}]`,
  `![{"s":"threw","thrown":"{\\"e\\":{\\"kind\\":\\"__proto__\\",\\"class\\":\\"constructor\\",\\"name\\":\\"x\\",\\"message\\":\\"y\\",\\"props\\":[[\\"__proto__\\",{\\"v\\":{\\"polluted\\":1}}]]}}","by":{"__proto__":{"polluted":1}}},{"s":"failed","failure":{"code":"__proto__"},"by":null}]`,
];

/** Two items, whatever the text says, of which none makes the reader throw. */
function read(text: string): void {
  const settled = readOutcomes({ at: 5, n: 2 }, text, { classes: undefined, callSite: () => undefined });
  expect(settled).toHaveLength(2);
  for (const item of settled) expect(typeof item.ok).toBe("boolean");
}

afterEach(() => {
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect((Error.prototype as { polluted?: unknown }).polluted).toBeUndefined();
});

describe("outcomes", () => {
  test("that are genuine are read", () => {
    for (const text of GENUINE) read(text);
  });

  test("of any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), read), { numRuns: 1_000 });
    fc.assert(
      fc.property(fc.constantFrom("=", "!", "=^", "#", "=~"), fc.json(), (mark, json) => read(mark + json)),
      { numRuns: 2_000 },
    );
  });

  test("that were changed anywhere", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...GENUINE),
        fc.nat(),
        fc.string({ maxLength: 3 }),
        fc.nat(4),
        (text, where, put, cut) => {
          const at = where % text.length;
          read(text.slice(0, at) + put + text.slice(at + cut));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test("that are made of the words of the contract", () => {
    const word = fc.constantFrom<unknown>(
      "ok",
      "threw",
      "failed",
      "CORRUPT_JOB",
      "WIRE_VERSION",
      "[1]",
      "~AAAA",
      null,
      0,
      [],
      {},
      by,
    );
    const outcome = fc.record(
      {
        s: word,
        value: word,
        thrown: word,
        by: word,
        failure: fc.record({ code: word, reason: word, known: word }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 3 }), (outcomes) => read(`!${JSON.stringify(outcomes)}`)),
      { numRuns: 3_000 },
    );
  });

  test("that would change prototypes", () => {
    for (const text of POLLUTING) read(text);
  });

  test("that are deeper than any stack, or claim to be large", () => {
    for (const mark of ["=", "!", "=^", "=~"]) {
      read(mark + "[".repeat(500_000));
      read(`${mark}${"[".repeat(200_000)}${"]".repeat(200_000)}`);
    }
    read(`=~${Buffer.from([0xff, 0x0f, 0x41, 0xff, 0xff, 0xff, 0xff, 0x0f]).toString("base64")}`);
  });
});
