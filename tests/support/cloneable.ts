import fc from "fast-check";

const plain = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
  withBoxedValues: true,
  withObjectString: true,
  stringUnit: "binary",
});

const errors = fc
  .tuple(fc.constantFrom(Error, TypeError, RangeError, SyntaxError), fc.string({ unit: "binary" }), plain)
  .map(([ErrorClass, message, cause]) => new ErrorClass(message, { cause }));

const memory = fc.uint8Array({ maxLength: 40 });

/** Any value that structured clone carries, including those that fast-check's `anything` does not make. */
export const cloneable: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: plain },
  { weight: 1, arbitrary: errors },
  { weight: 1, arbitrary: fc.constantFrom(/a\tb/giu, /(?<é>\u4e00)/y, -0, Number.NaN, undefined, 2n ** 80n) },
  { weight: 1, arbitrary: memory.map(({ buffer }) => buffer) },
  { weight: 1, arbitrary: memory.map((bytes) => new DataView(bytes.buffer)) },
  {
    weight: 1,
    arbitrary: fc.record({ list: fc.array(fc.oneof(plain, errors), { maxLength: 3 }), map: plain }),
  },
);
