import { deepStrictEqual } from "node:assert";

import { Attachments, decode, decodeEach, encode, encodeEach, inText } from "@poolmq/shared/internal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const LARGE = Buffer.alloc(50_000, 7);

function attached(value: unknown): { readonly payload: string; readonly bytes: Buffer | undefined } {
  const attachments = new Attachments();
  const payload = encode(value, { attachments });
  return { payload, bytes: attachments.bytes };
}

describe("a value in the general form", () => {
  test("is attached if it is large, and may be put into the text", () => {
    const value = { buffer: LARGE, at: new Date(0) };
    const { payload, bytes } = attached(value);
    expect(payload).toMatch(/^@0\+5\d{4}$/);
    deepStrictEqual(decode(payload, { bytes }), value);
    expect(inText(payload, bytes)).toBe(encode(value));
    expect(inText("[1]", bytes)).toBe("[1]");
  });

  test("is text if it is small, or if there is no place beside the text", () => {
    expect(attached({ at: new Date(0) })).toEqual({ payload: encode({ at: new Date(0) }), bytes: undefined });
    expect(attached("x".repeat(100_000)).bytes).toBeUndefined();
    expect(encode(LARGE)).toMatch(/^~/);
  });

  test("counts with its bytes as they are", () => {
    const { bytes } = attached(LARGE);
    const maxBytes = bytes?.length ?? 0;
    expect(encode(LARGE, { attachments: new Attachments(), maxBytes })).toMatch(/^@/);
    expect(() => encode(LARGE, { attachments: new Attachments(), maxBytes: maxBytes - 1 })).toThrow(
      `${maxBytes} bytes`,
    );
  });
});

describe("several values", () => {
  test("have a part each, in memory of its own", () => {
    const attachments = new Attachments();
    const payload = encodeEach([LARGE, 1, LARGE, undefined], { attachments });
    const { bytes } = attachments;
    const [first, one, second, none] = decodeEach(payload, bytes) as Buffer[];
    deepStrictEqual([first, one, second, none], [LARGE, 1, LARGE, undefined]);
    first?.fill(0);
    deepStrictEqual(second, LARGE);
    deepStrictEqual(decodeEach(payload, bytes), [LARGE, 1, LARGE, undefined]);
  });

  test("have a limit together", () => {
    const options = { attachments: new Attachments(), maxBytes: 100_000, role: "argument" } as const;
    expect(() => encodeEach([LARGE, LARGE], options)).toThrow("2 encoded arguments");
  });

  test("that are cut leave the others", () => {
    const attachments = new Attachments();
    const payload = encode([LARGE], { attachments });
    const { length } = attachments;
    encode([LARGE, LARGE], { attachments });
    attachments.cut(length);
    deepStrictEqual(decode(payload, { bytes: attachments.bytes }), [LARGE]);
    attachments.cut(0);
    expect(attachments.bytes).toBeUndefined();
  });
});

describe("what nobody encoded", () => {
  test.for([
    "@",
    "@0",
    "@0+",
    "@-1+5",
    "@0+0x5",
    "@0+5e9",
    "@0+99999",
    "@49999+2",
    "@99999999999999999999+1",
    "@0+3",
    "@0+5\n",
  ])("%j is a DecodeError", (payload) => {
    expect(() => decode(payload, { bytes: LARGE })).toThrow(expect.objectContaining({ code: "DECODE" }));
    expect(() => decode(payload)).toThrow(expect.objectContaining({ code: "DECODE" }));
  });

  test("bytes that were changed anywhere are a value or a DecodeError", () => {
    const { payload, bytes = Buffer.alloc(0) } = attached([LARGE, new Map([[1, new Date(0)]]), /x/g]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const changed = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
        if (!cut) changed[at] = byte;
        try {
          decode(payload, { bytes: changed });
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(DECODE|LIMIT_EXCEEDED)$/) });
        }
      }),
    );
  });
});
