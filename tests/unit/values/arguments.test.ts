import { decodeArguments, encodeArguments } from "@poolmq/shared/internal";
import fc from "fast-check";
import { expect, test } from "vitest";

import { cloneable } from "../../support/cloneable.ts";

test("single arguments arrive as the same in tuples do", () => {
  fc.assert(
    fc.property(fc.array(cloneable, { minLength: 1, maxLength: 20 }), (values) => {
      const { form, values: singles } = decodeArguments(encodeArguments("one", values, {}));
      const tuples = decodeArguments(
        encodeArguments(
          "tuple",
          values.map((value) => [value]),
          {},
        ),
      );
      expect([form, tuples.form]).toEqual(["one", "tuple"]);
      expect(tuples.values).toStrictEqual(singles.map((value) => [value]));
    }),
  );
});

const PRIMITIVES = fc.oneof(
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: "binary" }),
  fc.constantFrom(undefined, null, true, -0, Number.NaN),
);

test("primitives of all kinds and numbers arrive exactly, however many there are", () => {
  fc.assert(
    fc.property(fc.array(PRIMITIVES, { minLength: 1, maxLength: 300 }), (values) => {
      const arrived = decodeArguments(encodeArguments("one", values, {})).values;
      expect(arrived).toHaveLength(values.length);
      for (const [place, value] of values.entries()) expect(Object.is(arrived[place], value)).toBe(true);
    }),
  );
});

test("what two arguments share arrives apart", () => {
  const shared = { date: new Date(0) };
  const [a, b] = decodeArguments(encodeArguments("one", [shared, shared], {})).values;
  expect(a).toEqual(b);
  expect(a).not.toBe(b);
});

test("an array without its elements is no list of arguments", () => {
  const holes: unknown[] = [1];
  holes.length = 3;
  expect(decodeArguments(encodeArguments("one", holes, {})).values).toHaveLength(3);
  expect(() => decodeArguments('*{"length":2}')).toThrow("Expected a payload of several values");
});
