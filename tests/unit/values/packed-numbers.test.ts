import { decodeEach, encodeEach } from "@poolmq/shared/internal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const MANY = 32;

/** Ranges of integers, with the letter of how they are packed. */
const RANGES = [
  ["b", -0x80, 0x7f],
  ["s", -0x8000, 0x7fff],
  ["i", -0x8000_0000, 0x7fff_ffff],
  ["d", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
] as const;

describe.for(RANGES)("integers that fit %s", ([kind, min, max]) => {
  test("come back, and are packed no wider than they need", () => {
    const numbers = fc.array(fc.integer({ min, max }), { minLength: MANY, maxLength: 300 });
    fc.assert(
      fc.property(numbers, fc.nat(), (values, place) => {
        // With zero, so that they are as far from each other as they are large.
        for (const edge of [min, max]) {
          const wide = [...values.with(place % values.length, edge), min < -0xffff ? -edge - 1 : 0];
          const payload = encodeEach(wide);
          expect(payload.slice(0, 2)).toBe(`%${kind}`);
          expect(decodeEach(payload)).toEqual(wide);
        }
      }),
    );
  });
});

test.for([
  ["b", 0, 0x7f],
  ["B", 1_000, 1_000 + 0xff],
  ["B", -0x8000_0000, -0x8000_0000 + 0xff],
  ["s", 1_000, 1_000 + 0x100],
  ["S", 984_000, 999_999],
  ["S", 0x7fff_ffff - 0xffff, 0x7fff_ffff],
  ["i", 984_000, 984_000 + 0x1_0000],
] as const)("integers that are near each other are packed as %s: %i to %i", ([kind, min, max]) => {
  const numbers = fc.array(fc.integer({ min, max }), { minLength: MANY, maxLength: 300 });
  fc.assert(
    fc.property(numbers, (values) => {
      const whole = [...values, min, max];
      const payload = encodeEach(whole);
      expect(payload.slice(0, 2)).toBe(`%${kind}`);
      expect(decodeEach(payload)).toEqual(whole);
    }),
  );
});

test("integers that are near each other are sent as the least of them, and how far each is from it", () => {
  const values = Array.from({ length: MANY }, (_, i) => 1_000 + i);
  // Half of the range of a byte is added to the base, since its bytes have a sign.
  const bytes = Buffer.from(values.map((value) => value - 1_128)).toString("base64");
  expect(encodeEach(values)).toBe(`%B1128:${bytes}`);
});

test("numbers of all kinds come back to the bit", () => {
  const numbers = fc.array(fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Infinity, 1)), {
    minLength: MANY,
    maxLength: 300,
  });
  fc.assert(
    fc.property(numbers, (values) => {
      const arrived = decodeEach(encodeEach(values));
      expect(arrived).toHaveLength(values.length);
      for (const [place, value] of values.entries()) expect(Object.is(arrived[place], value)).toBe(true);
    }),
  );
});

test.for([
  ["a string", "7"],
  ["nothing", undefined],
  ["null", null],
  ["a bigint", 7n],
  ["an object", { a: 1 }],
] as const)("%s among numbers stays what it is", ([, other]) => {
  const values = Array.from({ length: 50 }, (_, i): unknown => i);
  for (const place of [0, 25, 49]) {
    const mixed = values.with(place, other);
    const payload = encodeEach(mixed);
    expect(payload.startsWith("%")).toBe(false);
    expect(decodeEach(payload)).toEqual(mixed);
  }
});

test("few numbers stay readable", () => {
  expect(encodeEach([1, 2, 3])).toBe("[1,2,3]");
});

test("what is no packed numbers is refused", () => {
  for (const payload of [
    "%",
    "%x",
    "%iAA",
    "%__proto__",
    "%dAAAA",
    "%SAAAA",
    "%S1.5:AAAA",
    "%Sx:AAAA",
    "%BInfinity:AA",
  ]) {
    expect(() => decodeEach(payload)).toThrow(/[Nn]umbers/);
  }
  // What is no base64 is read as far as it goes: as none.
  expect(decodeEach("%b")).toEqual([]);
});
