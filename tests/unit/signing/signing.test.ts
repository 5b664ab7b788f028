import { inspect } from "node:util";

import { resolveSigningKeys, type JobData, type Signer } from "@poolmq/shared/internal";
import {
  checkJob,
  contentOf,
  openOutcome,
  queueKeys,
  sealOutcome,
  signJob,
  signJobState,
} from "@poolmq/shared/redis";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const KEY = "a secret of the producers and workers 1";
const OTHER_KEY = "a secret of the producers and workers 2";

function signerOf(keys: string | readonly string[] = KEY, queue = "q", prefix = "poolmq"): Signer {
  const resolved = resolveSigningKeys(keys, {});
  if (resolved === undefined) throw new Error("no keys");
  return resolved.signer(queueKeys(queue, prefix));
}

const LATER = Date.now() + 3_600_000;
const DATA: JobData = {
  v: 1,
  map: "m",
  at: 3,
  n: 2,
  args: '[["a"],["b"]]',
  ttlMs: 1000,
  timeoutMs: 50,
  shares: [[1, "s"]],
  expiresAt: LATER,
};
const OPTIONS = { attempts: 3, priority: 2, backoff: { type: "fixed", delay: 5, jitter: 0 } };

describe("a job", () => {
  const signer = signerOf();
  const signed = signJob(signer, "task", DATA, OPTIONS);

  test("that was signed passes, also when it went through JSON and BullMQ", () => {
    const travelled = JSON.parse(JSON.stringify(signed)) as JobData;
    expect(checkJob(signer, "task", travelled, OPTIONS)).toEqual({ content: contentOf("task", DATA) });
    const bare = signJob(signer, "task", DATA, {});
    // BullMQ writes these where nothing was said.
    expect(checkJob(signer, "task", bare, { attempts: 0, backoff: undefined })).toHaveProperty("content");
  });

  test.for<[string, Readonly<Record<string, unknown>>]>([
    ["map", { map: "n" }],
    ["at", { at: 4 }],
    ["n", { n: 1 }],
    ["args", { args: '[["a"],["c"]]' }],
    ["timeoutMs", { timeoutMs: 51 }],
    ["no timeoutMs", { timeoutMs: undefined }],
    ["ttlMs", { ttlMs: 1001 }],
    ["shares", { shares: [[1, "t"]] }],
    ["no shares", { shares: undefined }],
    ["expiresAt", { expiresAt: LATER + 1 }],
    ["v", { v: 2 }],
    ["a new field", { more: 1 }],
    ["sig", { sig: "A".repeat(43) }],
    ["half of sig", { sig: signed.sig?.slice(0, 20) }],
    ["no sig", { sig: undefined }],
    ["kept", { kept: [[0, { s: "ok", value: "666" }]] }],
    ["suspect", { suspect: { offset: 0, losses: 2 } }],
    ["stateSig", { stateSig: signed.sig }],
  ])("with another %s is refused", ([, change]) => {
    const forged = { ...signed, ...change } as JobData;
    expect(checkJob(signer, "task", forged, OPTIONS)).toHaveProperty("refused");
  });

  test.for<[string, string, object]>([
    ["function", "other", OPTIONS],
    ["attempts", "task", { ...OPTIONS, attempts: 4 }],
    ["trace", "task", { ...OPTIONS, telemetry: { metadata: "{}" } }],
    ["priority", "task", { ...OPTIONS, priority: 1 }],
    ["back-off", "task", { ...OPTIONS, backoff: { ...OPTIONS.backoff, delay: 6 } }],
    ["no back-off", "task", { ...OPTIONS, backoff: undefined }],
  ])("with another %s is refused", ([, task, options]) => {
    expect(checkJob(signer, task, signed, options)).toHaveProperty("refused");
  });

  test("of which a single bit was changed is refused", () => {
    const text = JSON.stringify(signed);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(6), (at, bit) => {
        const flipped =
          text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);
        let data: JobData;
        try {
          data = JSON.parse(flipped) as JobData;
        } catch {
          return;
        }
        // Shape is checked before the signature.
        if (typeof data.args !== "string" || (data.shares !== undefined && !Array.isArray(data.shares)))
          return;
        expect(checkJob(signer, "task", data, OPTIONS)).toHaveProperty("refused");
      }),
      { numRuns: 500 },
    );
  });

  test("is refused once its signature has expired", () => {
    expect(checkJob(signer, "task", signed, OPTIONS, LATER)).toHaveProperty("content");
    expect(checkJob(signer, "task", signed, OPTIONS, LATER + 1)).toEqual({
      refused: "its signature has expired",
    });
    const { expiresAt: _, ...endless } = DATA;
    expect(checkJob(signer, "task", signJob(signer, "task", endless, {}), {})).toHaveProperty("refused");
  });

  test("keeps what supervisors add to it only as they wrote it, and only on that job", () => {
    const added = signJobState(signer, { ...signed, suspect: { offset: 1, losses: 1 } });
    expect(checkJob(signer, "task", added, OPTIONS)).toHaveProperty("content");
    const forged = { ...added, suspect: { offset: 1, losses: 2 } };
    expect(checkJob(signer, "task", forged, OPTIONS)).toHaveProperty("refused");
    const other = signJob(signer, "task", { ...DATA, at: 5 }, OPTIONS);
    const moved = { ...other, suspect: { offset: 1, losses: 1 }, stateSig: added.stateSig };
    expect(checkJob(signer, "task", moved as JobData, OPTIONS)).toHaveProperty("refused");
    // Nothing is left of it once there is nothing to keep.
    const { suspect: _, ...rest } = added;
    expect(signJobState(signer, rest)).toEqual(signed);
  });

  test.for<[string, Signer]>([
    ["another key", signerOf(OTHER_KEY)],
    ["another queue", signerOf(KEY, "r")],
    ["another prefix", signerOf(KEY, "q", "else")],
  ])("of %s is refused", ([, foreign]) => {
    expect(checkJob(signer, "task", signJob(foreign, "task", DATA, OPTIONS), OPTIONS)).toHaveProperty(
      "refused",
    );
  });
});

describe("an outcome", () => {
  const signer = signerOf();
  const content = contentOf("task", DATA);
  const sealed = sealOutcome(signer, DATA, content, "=[1,2]");

  test("opens at its own place only", () => {
    expect(openOutcome(signer, DATA, sealed)).toEqual({ content, text: "=[1,2]" });
    expect(openOutcome(signer, { ...DATA, at: 4 }, sealed)).toBeUndefined();
    expect(openOutcome(signer, { ...DATA, map: "n" }, sealed)).toBeUndefined();
    expect(openOutcome(signerOf(OTHER_KEY), DATA, sealed)).toBeUndefined();
  });

  test("that was changed anywhere does not open", () => {
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = sealed.slice(0, at) + char + sealed.slice(at + 1);
        if (changed !== sealed) expect(openOutcome(signer, DATA, changed)).toBeUndefined();
      }),
    );
    for (const text of ["", "#", "=[1,2]", sealed.slice(0, 60), sealed.slice(1)]) {
      expect(openOutcome(signer, DATA, text)).toBeUndefined();
    }
  });

  test("opens with its own bytes only", () => {
    const withBytes = sealOutcome(signer, DATA, content, "=@0+3", Buffer.from("abc"));
    expect(openOutcome(signer, DATA, withBytes, Buffer.from("abc"))).toEqual({ content, text: "=@0+3" });
    expect(openOutcome(signer, DATA, withBytes, Buffer.from("abd"))).toBeUndefined();
    expect(openOutcome(signer, DATA, withBytes, Buffer.alloc(0))).toBeUndefined();
    expect(openOutcome(signer, DATA, withBytes)).toBeUndefined();
    expect(openOutcome(signer, DATA, sealed, Buffer.from("abc"))).toBeUndefined();
  });

  test("tells what was asked: other arguments, or another function, are another content", () => {
    const contents = [
      content,
      contentOf("task2", DATA),
      contentOf("task", { ...DATA, args: "[]" }),
      contentOf("task", { ...DATA, n: 1 }),
      contentOf("task", { ...DATA, bytesDigest: "x" }),
      contentOf("task", { ...DATA, bytesDigest: "y" }),
    ];
    expect(new Set(contents).size).toBe(contents.length);
  });
});

test("what was signed for one purpose is worth nothing for another", () => {
  const signer = signerOf();
  const signature = signer.sign("progress", ["m", 1], "text");
  expect(signer.isGenuine("progress", signature, ["m", 1], "text")).toBe(true);
  expect(signer.isGenuine("outcome", signature, ["m", 1], "text")).toBe(false);
});

test("no two pairs of facts and text have the same signature", () => {
  const signer = signerOf();
  const pair = fc.tuple(fc.array(fc.oneof(fc.string(), fc.integer())), fc.string());
  fc.assert(
    fc.property(pair, pair, ([facts, text], [otherFacts, otherText]) => {
      const same = JSON.stringify(facts) === JSON.stringify(otherFacts) && text === otherText;
      expect(signer.isGenuine("job", signer.sign("job", facts, text), otherFacts, otherText)).toBe(same);
    }),
  );
  // A text that continues the facts.
  expect(signer.isGenuine("job", signer.sign("job", ["a"], "b\nc"), ["a", "b"], "c")).toBe(false);
});

test("of several keys the first signs and all are accepted", () => {
  const [rotating, old, fresh] = [signerOf([OTHER_KEY, KEY]), signerOf(KEY), signerOf(OTHER_KEY)];
  const signed = signJob(old, "task", DATA, OPTIONS);
  expect(checkJob(rotating, "task", signed, OPTIONS)).toHaveProperty("content");
  expect(checkJob(fresh, "task", signJob(rotating, "task", DATA, OPTIONS), OPTIONS)).toHaveProperty(
    "content",
  );
  expect(checkJob(old, "task", signJob(rotating, "task", DATA, OPTIONS), OPTIONS)).toHaveProperty("refused");
  expect(rotating.keyIds).toEqual([...fresh.keyIds, ...old.keyIds]);
});

describe("the option", () => {
  test.for<[unknown, RegExp]>([
    ["too short", /32 bytes or more .*got one of 9 bytes/],
    [[KEY, "short one"], /got one of 9 bytes/],
    [[], /1 to 8 of them, got 0/],
    [Array.from({ length: 9 }, () => KEY), /got 9/],
    [42, /got number/],
    [[null], /got object/],
  ])("%j is refused, and its value is not told", ([option, message]) => {
    expect(() => resolveSigningKeys(option, {})).toThrow(message);
    try {
      resolveSigningKeys(option, {});
    } catch (error) {
      expect(String(error)).not.toMatch(/too short|short one/);
      expect(error).toMatchObject({ code: "INVALID_OPTION" });
    }
  });

  test("comes from the environment where it is not given: one key a line", () => {
    expect(resolveSigningKeys(undefined, {})).toBeUndefined();
    expect(resolveSigningKeys(undefined, { POOLMQ_SIGNING_KEY: " \n" })).toBeUndefined();
    const keys = resolveSigningKeys(undefined, { POOLMQ_SIGNING_KEY: `${KEY}\r\n\n  ${OTHER_KEY}\n` });
    expect(keys?.reveal()).toEqual([KEY, OTHER_KEY]);
    expect(resolveSigningKeys(KEY, { POOLMQ_SIGNING_KEY: OTHER_KEY })?.reveal()).toEqual([KEY]);
    expect(() => resolveSigningKeys(undefined, { POOLMQ_SIGNING_KEY: "too short" })).toThrow(
      "Expected `POOLMQ_SIGNING_KEY`",
    );
  });

  test("does not show the keys when it is printed", () => {
    const keys = resolveSigningKeys(KEY, {});
    const shown = inspect({ keys, signer: keys?.signer(queueKeys("q")) }, { depth: 9, showHidden: true });
    expect(shown).not.toContain(KEY);
    expect(JSON.stringify({ keys, signer: keys?.signer(queueKeys("q")) })).not.toContain(KEY);
  });
});
