import { deepStrictEqual } from "node:assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { createSecretKey } from "node:crypto";
import { EventEmitter } from "node:events";
import { statSync } from "node:fs";
import { BlockList, createServer, SocketAddress } from "node:net";
import { createHistogram } from "node:perf_hooks";
import { Readable } from "node:stream";
import { runInNewContext } from "node:vm";

import { Attachments, decode, encode } from "@poolmq/shared/internal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const copy = (value: unknown): unknown => decode(encode(value));

/** The error that `run` throws. */
function thrownBy(run: () => unknown): Error & { code?: string; path?: string; limit?: string } {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected an error");
}

const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
};

const anything = fc.anything({
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

describe("a value comes back as structured clone would make it", () => {
  test.for<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    [
      "NaN, infinities and -0",
      [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, { a: -0 }],
    ],
    ["numbers at the edges", [Number.MAX_VALUE, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER, 1e21, 0.1 + 0.2]],
    ["BigInt", [0n, -1n, 2n ** 200n]],
    ["dates", [new Date(0), new Date(-8.64e15)]],
    ["RegExp", [/a\tb/giu, /é\u4e00/]],
    ["nested Map and Set", new Map<unknown, unknown>([[{ key: 1 }, new Set([new Map([[1, undefined]])])]])],
    ["boxed primitives", [Object(1), Object("s"), Object(false), Object(1n)]],
    ["undefined in an object", { a: undefined, b: [undefined] }],
    ["holes", [, 1, , 2, ,]], // oxlint-disable-line no-sparse-arrays
    ["an array that is only holes", Object.assign([], { length: 7 })],
    ["an array with other properties", Object.assign([1, 2], { note: "x" })],
    [
      "a long array with other properties",
      Object.assign(
        Array.from({ length: 500 }, (_, i) => i),
        { columns: ["a"] },
      ),
    ],
    ["the match of a RegExp", /(?<year>\d+)/.exec("in 2026")],
    ["long arrays of fractions", Array.from({ length: 1000 }, (_, i) => i / 3)],
    ["a long array of fractions and texts", Array.from({ length: 1000 }, (_, i) => (i % 7 ? i / 3 : "x"))],
    [
      "typed arrays",
      [new Uint8Array([1]), new Float64Array([0.5]), new BigInt64Array([-3n]), new Uint8ClampedArray(2)],
    ],
    ["memory", [new ArrayBuffer(3), new DataView(new ArrayBuffer(4))]],
    [
      "texts with every kind of character",
      ["\t\n\r\0\u2028", "\ud800", "é€😀", '"\\', "</script>", "x".repeat(100_000)],
    ],
    ["keys that are numbers, empty or odd", { 2: "b", 1: "a", "": 0, "a b": 1, "\n": 2, '"': 3 }],
    [
      "the keys of prototypes",
      JSON.parse('{"__proto__":{"polluted":1},"constructor":1,"toString":"x","hasOwnProperty":0}'),
    ],
    [
      "keys of prototypes where V8's format is needed",
      JSON.parse('{"__proto__":{"polluted":1}}', (_, v: unknown) => (v === 1 ? 1n : v)),
    ],
    ["an error with a cause", new RangeError("m", { cause: new TypeError("c", { cause: { deep: [1n] } }) })],
    ["arguments of 50 tuples", Array.from({ length: 50 }, (_, i) => [i, `${i}`, [i]])],
  ])("%s", ([, value]) => {
    deepStrictEqual(copy(value), structuredClone(value));
  });

  test("an invalid date", () => {
    // Node 22's deepStrictEqual does not take two of them for equal.
    const [date] = copy([new Date(Number.NaN)]) as [Date];
    expect(date).toBeInstanceOf(Date);
    expect(date.getTime()).toBeNaN();
  });

  test("any value", () => {
    fc.assert(
      fc.property(anything, (value) => {
        deepStrictEqual(copy(value), structuredClone(value));
      }),
      { numRuns: 2_000 },
    );
  });

  test("any JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        deepStrictEqual(copy(value), structuredClone(value));
      }),
      { numRuns: 1_000 },
    );
  });

  test("a value of another realm", () => {
    expect(copy(runInNewContext("({ list: [1, { a: new Date(5) }] })"))).toEqual({
      list: [1, { a: new Date(5) }],
    });
  });

  test("an instance of a class, as a plain object of its own enumerable properties", () => {
    class Point {
      readonly x = 1;
      readonly #hidden = 2;
      get y(): number {
        return this.#hidden;
      }
    }
    deepStrictEqual(copy([new Point()]), [{ x: 1 }]);
  });

  test("an object with toJSON, which is not called", () => {
    class Money {
      readonly cents = 5;
      toJSON(): string {
        return "5";
      }
    }
    deepStrictEqual(copy(new Money()), { cents: 5 });
  });

  test("a getter's value, read once", () => {
    let reads = 0;
    const value = {
      get next() {
        return ++reads;
      },
    };
    expect(copy([value])).toEqual([{ next: 1 }]);
  });
});

describe("identity", () => {
  test("an object that is met twice comes back as one", () => {
    const shared = { n: 1 };
    const [first, second] = copy([shared, shared]) as [object, object];
    expect(first).toBe(second);
  });

  test("an object that is met twice among many comes back as one", () => {
    const many: unknown[] = Array.from({ length: 30 }, () => []);
    many.push({ again: many[3] });
    const decoded = copy(many) as { again?: unknown }[];
    expect(decoded[30]?.again).toBe(decoded[3]);
  });

  test("a cycle comes back as a cycle", () => {
    const node: { name: string; self?: unknown; all?: Map<unknown, unknown> } = { name: "n" };
    node.self = node;
    node.all = new Map([[node, node]]);
    const decoded = copy(node) as typeof node;
    expect(decoded.self).toBe(decoded);
    expect(decoded.all?.get(decoded)).toBe(decoded);
  });
});

describe("memory", () => {
  test("a Buffer comes back as a Buffer", () => {
    const decoded = copy({ body: Buffer.from("héllo") }) as { body: Buffer };
    expect(Buffer.isBuffer(decoded.body)).toBe(true);
    expect(decoded.body.toString()).toBe("héllo");
  });

  test("a view ships only the bytes that it shows", () => {
    const large = new ArrayBuffer(1_000_000);
    expect(encode(new Uint8Array(large, 10, 3)).length).toBeLessThan(50);
    expect(encode(Buffer.from("abc")).length).toBeLessThan(50);
  });

  test("a decoded typed array has memory of its own", () => {
    const [bytes, view] = copy([new Uint16Array([1, 2, 3]), new DataView(new ArrayBuffer(5))]) as [
      Uint16Array,
      DataView,
    ];
    expect(bytes.buffer.byteLength).toBe(6);
    expect(view.buffer.byteLength).toBe(5);
  });

  test.each([3, 600, 5_000])(
    "a decoded Buffer of %i numbers has memory of its own, at its start",
    (count) => {
      const bytes = Buffer.from(new Float64Array(count).fill(0.5).buffer);
      const whole = copy(bytes) as Buffer;
      const { part } = copy({ name: "weights", part: bytes, large: Buffer.alloc(100_000) }) as {
        part: Buffer;
      };
      const attachments = new Attachments();
      const text = encode(bytes, { attachments });
      const attached = decode(text, { bytes: attachments.bytes }) as Buffer;
      for (const got of [whole, part, attached]) {
        expect(new Float64Array(got.buffer, got.byteOffset, count)[1]).toBe(0.5);
        expect(got.buffer.byteLength).toBe(bytes.length);
      }
    },
  );

  test("a view need not be aligned", () => {
    deepStrictEqual(copy(["x", new Float64Array([1.5]), "yy", new Float64Array([2.5])]), [
      "x",
      new Float64Array([1.5]),
      "yy",
      new Float64Array([2.5]),
    ]);
  });
});

describe("a payload", () => {
  test("holds no raw tab or newline and survives JSON and UTF-8", () => {
    fc.assert(
      fc.property(
        fc.oneof(anything, fc.string({ unit: "binary" }), fc.constantFrom("\t", "\n", "\r\n")),
        (value) => {
          const payload = encode([value]);
          expect(payload).not.toMatch(/[\t\n\r]/);
          expect(JSON.parse(JSON.stringify(payload))).toBe(payload);
          expect(Buffer.from(payload).toString()).toBe(payload);
        },
      ),
    );
  });

  test("is readable JSON for plain data", () => {
    expect(encode([1, "a", { b: null, c: [true] }])).toBe('[1,"a",{"b":null,"c":[true]}]');
  });

  test("of code stays data", () => {
    const code = { $: "require('fs')", then: "x", toString: "() => process.exit()" };
    expect(copy([code, "${process.exit()}", "__proto__"])).toEqual([code, "${process.exit()}", "__proto__"]);
  });

  test("with __proto__ keys pollutes nothing", () => {
    const decoded = decode('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(Object.keys(decoded as object)).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

test("what Node gives as data is sent as data", () => {
  const stats = statSync("/");
  expect(copy(stats)).toMatchObject({ ino: stats.ino, size: stats.size });
  class Room extends EventEmitter {
    readonly guests = ["a"];
  }
  expect(copy(new Room())).toMatchObject({ guests: ["a"] });
});

describe("what can't be sent is named with its path", () => {
  class Service {
    readonly client = { connect(): void {} };
  }
  const cycle: { again?: unknown; deep?: unknown } = {};
  cycle.again = cycle;
  cycle.deep = [{}, { hook(): void {} }];
  const { port1 } = new MessageChannel();
  port1.close();

  test.for<[string, unknown, string, string]>([
    ["a function", () => 1, "a function", ""],
    ["a method", [{ user: { callback(): void {} } }], "a function", "[0].user.callback"],
    ["a class", { kind: Service }, "a function", ".kind"],
    ["an instance's member", new Service(), "a function", ".client.connect"],
    ["a symbol", [1, Symbol("s")], "a symbol", "[1]"],
    ["a boxed symbol", [Object(Symbol("s"))], "a symbol", "[0]"],
    ["an odd key", { "my key": { 7: Symbol("s") } }, "a symbol", '["my key"]["7"]'],
    ["a Map's value", { map: new Map([["k", { f(): void {} }]]) }, "a function", '.map.get("k").f'],
    ["a Map's value behind a number", new Map([[5, Symbol("s")]]), "a symbol", ".get(5)"],
    ["a Map's value behind an object", new Map([[{}, Symbol("s")]]), "a symbol", ".values()[0]"],
    ["a Map's key", new Map([[() => 1, 1]]), "a function", ".keys()[0]"],
    ["a Set's member", [new Set([1, () => 2])], "a function", "[0].values()[1]"],
    ["an error's cause", new Error("m", { cause: { f(): void {} } }), "a function", ".cause.f"],
    ["something beside a cycle", cycle, "a function", ".deep[1].hook"],
    ["an array's other property", Object.assign([1], { f(): void {} }), "a function", ".f"],
    ["a Promise", { p: Promise.resolve() }, "a Promise", ".p"],
    ["a WeakMap", [new WeakMap()], "a WeakMap", "[0]"],
    ["a WeakRef", [new WeakRef({})], "a WeakRef", "[0]"],
    ["a Proxy", { p: new Proxy({ a: 1 }, {}) }, "a Proxy", ".p"],
    ["a revoked Proxy", { p: revoked() }, "a Proxy", ".p"],
    ["a generator", [(function* () {})()], "a Generator", "[0]"],
    ["an iterator", [[1].values()], "an Array Iterator", "[0]"],
    ["a formatter", [new Intl.NumberFormat("en")], "an Intl.NumberFormat", "[0]"],
    ["a URL, which V8 would send empty", { url: new URL("http://localhost") }, "a URL", ".url"],
    ["a Blob", { b: new Blob(["x"]) }, "a Blob", ".b"],
    ["an AbortSignal", { signal: new AbortController().signal }, "an AbortSignal", ".signal"],
    ["a MessagePort", { port1 }, "a MessagePort", ".port1"],
    ["a DOMException, whose message V8 loses", [AbortSignal.abort().reason], "a DOMException", "[0]"],
    ["a BlockList", { list: new BlockList() }, "a BlockList", ".list"],
    ["a SocketAddress", { from: new SocketAddress({}) }, "a SocketAddress", ".from"],
    ["a KeyObject", { key: createSecretKey(Buffer.alloc(8)) }, "a KeyObject", ".key"],
    ["a histogram", { h: createHistogram() }, "a RecordableHistogram", ".h"],
    ["Headers", { headers: new Headers({ a: "b" }) }, "a Headers", ".headers"],
    ["a FormData", { form: new FormData() }, "a FormData", ".form"],
    ["a Response", { res: new Response("x") }, "a Response", ".res"],
    ["an AsyncLocalStorage", { s: new AsyncLocalStorage() }, "an AsyncLocalStorage", ".s"],
    ["a server", { server: createServer() }, "a Server", ".server"],
    ["a stream", { stream: new Readable() }, "a Readable", ".stream"],
    ["shared memory", [new SharedArrayBuffer(8)], "a SharedArrayBuffer", "[0]"],
    [
      "a view of shared memory",
      [new Uint8Array(new SharedArrayBuffer(8))],
      "a view of a SharedArrayBuffer",
      "[0]",
    ],
    ["detached memory", [detached()], "a detached ArrayBuffer", "[0]"],
    [
      "a getter that throws",
      {
        a: {
          get b(): number {
            throw new Error("no");
          },
        },
      },
      "a property whose getter throws",
      ".a.b",
    ],
    [
      "arguments",
      [
        (function (..._: unknown[]) {
          return arguments;
        })(1, 2),
      ],
      "an arguments object",
      "[0]",
    ],
  ])("%s", ([, value, what, path]) => {
    const error = thrownBy(() => encode(value, { role: "argument" }));
    expect(error).toMatchObject({ name: "SerializationError", code: "SERIALIZATION", path });
    expect(error.message).toContain(`The argument${path === "" ? "" : ` at ${path}`} is ${what},`);
  });

  test("a WebAssembly module, which V8 would drop", () => {
    const wasm = (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } })
      .WebAssembly;
    const module = new wasm.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    expect(thrownBy(() => encode({ module }))).toMatchObject({ code: "SERIALIZATION", path: ".module" });
  });

  test("the error of a getter is the cause", () => {
    const cause = new RangeError("no");
    const value = {
      get a(): number {
        throw cause;
      },
    };
    expect(thrownBy(() => encode(value)).cause).toBe(cause);
  });

  test("a Proxy whose traps throw is refused without touching it", () => {
    const hostile = new Proxy(
      {},
      new Proxy({}, { get: (_, trap) => () => { throw new Error(`touched ${String(trap)}`); } }), // oxfmt-ignore
    );
    expect(thrownBy(() => encode([hostile]))).toMatchObject({ code: "SERIALIZATION", path: "[0]" });
  });

  test("a path stays short however long the keys and deep the value", () => {
    const value = nested(900, (inner) => ({ ["k".repeat(500)]: inner === 1 ? Symbol("s") : inner }));
    expect(thrownBy(() => encode(value)).message.length).toBeLessThan(1_000);
  });

  test.for([20_000_000, 4_000_000_000])("an array with %d holes, at once", (length) => {
    const holes: unknown[] = ["first"];
    holes[length] = "last";
    expect(thrownBy(() => encode([holes]))).toMatchObject({ code: "SERIALIZATION" });
  });
});

describe("limits", () => {
  test.for<[string, unknown]>([
    ["JSON", ["é".repeat(10)]],
    ["V8's format", [undefined, new Uint8Array(100)]],
  ])("a payload in %s has at most maxBytes bytes of UTF-8", ([, value]) => {
    const payload = encode(value);
    const size = Buffer.byteLength(payload);
    expect(encode(value, { maxBytes: size })).toBe(payload);
    deepStrictEqual(decode(payload, { maxBytes: size }), value);
    const facts = { name: "LimitError", code: "LIMIT_EXCEEDED", max: size - 1, got: size };
    const limits = { maxBytes: size - 1, limit: "maxPayloadBytes" };
    expect(thrownBy(() => encode(value, limits))).toMatchObject({ ...facts, limit: "maxPayloadBytes" });
    expect(thrownBy(() => decode(payload, { maxBytes: size - 1 }))).toMatchObject({
      ...facts,
      limit: "maxBytes",
    });
  });

  test.for<[string, (inner: unknown) => unknown]>([
    ["arrays", (inner) => [inner]],
    ["objects", (inner) => ({ inner })],
    ["arrays with undefined", (inner) => [inner, undefined]],
    ["Maps", (inner) => new Map([["k", inner]])],
    ["keys of Maps", (inner) => new Map([[inner, 1]])],
    ["Sets", (inner) => new Set([inner])],
    ["causes", (inner) => Object.assign(new Error("m", { cause: inner }), { stack: "" })],
  ])("%s are nested at most maxDepth levels", ([, wrap]) => {
    for (const maxDepth of [1, 7, 1_000]) {
      const deepest = nested(maxDepth, wrap);
      const payload = encode(deepest, { maxDepth });
      decode(payload, { maxDepth });
      const facts = { code: "LIMIT_EXCEEDED", limit: "maxDepth" };
      expect(thrownBy(() => encode(wrap(deepest), { maxDepth }))).toMatchObject({ ...facts, max: maxDepth });
      if (maxDepth > 1) {
        const max = maxDepth - 1;
        expect(thrownBy(() => decode(payload, { maxDepth: max }))).toMatchObject({ ...facts, max });
      }
    }
  });

  test("the default depth is 1,000", () => {
    encode(nested(1_000, (inner) => [inner]));
    expect(thrownBy(() => encode(nested(1_001, (inner) => [inner])))).toMatchObject({
      limit: "maxDepth",
      max: 1_000,
    });
  });

  test.for<[string, (inner: unknown) => unknown]>([
    ["arrays", (inner) => [inner]],
    ["objects with BigInt", (inner) => ({ inner, n: 1n })],
    ["Maps", (inner) => new Map([[inner, inner]])],
  ])("nesting that no stack holds is a LimitError: %s", ([, wrap]) => {
    const value = nested(200_000, wrap);
    expect(thrownBy(() => encode(value))).toMatchObject({ limit: "maxDepth" });
    expect(thrownBy(() => encode(value, { maxDepth: 1_000_000 }))).toMatchObject({ limit: "maxDepth" });
  });

  test("brackets in texts are not depth", () => {
    const value = ['[{"'.repeat(5_000), '\\"[['.repeat(5_000)];
    expect(copy(value)).toEqual(value);
  });
});

describe("decoding what nobody encoded", () => {
  /** A value, or an error with one of our codes; anything else is a bug. */
  const tolerate = (payload: string): void => {
    try {
      decode(payload);
    } catch (error) {
      expect(["DECODE", "LIMIT_EXCEEDED"]).toContain((error as { code?: string }).code);
    }
  };
  const clone = (...bytes: number[]): string => `~${Buffer.from([0xff, 0x0f, ...bytes]).toString("base64")}`;
  const varint = (value: number): number[] => {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    return [...bytes, rest];
  };
  const code = (tag: string): number => tag.charCodeAt(0);

  test.for([
    "",
    "~",
    "~~",
    "nonsense",
    "{",
    "[1,",
    "undefined",
    "NaN",
    "~AAAA",
    "~/w9v",
    "~/w8=",
    "\ud800",
    " ",
    "[1]x",
  ])("%j is a DecodeError", (payload) => {
    const error = thrownBy(() => decode(payload));
    expect(error).toMatchObject({ name: "DecodeError", code: "DECODE" });
    expect(error.cause).toBeInstanceOf(Error);
  });

  test.for([undefined, null, 5, {}, Buffer.from("[]")])("%j is no payload", (payload) => {
    expect(thrownBy(() => decode(payload as string))).toMatchObject({ code: "DECODE" });
  });

  test("a newer version of V8's format is named", () => {
    const payload = `~${Buffer.from([0xff, 99, 0x30]).toString("base64")}`;
    expect(thrownBy(() => decode(payload)).message).toMatch(
      /version 99 of V8's format, and Node v\d+.* reads up to \d+/,
    );
  });

  test("any text and any bytes", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), tolerate), { numRuns: 1_000 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => tolerate(clone(...bytes))),
      { numRuns: 5_000 },
    );
  });

  test("any sequence of V8's tags", () => {
    const tags = "_0TFIUNZDyxnzsSpcRoaAjB~tuVWmw;':,{}@$-\\\"^r!&Ev.".split("").map(code);
    const token = fc.oneof(
      fc.constantFrom(...tags).map((tag) => [tag]),
      fc.nat({ max: 2 ** 32 - 1 }).map(varint),
      fc.nat({ max: 5 }).map(varint),
      fc.uint8Array({ maxLength: 9 }).map((bytes) => [...bytes]),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 40 }), (tokens) => tolerate(clone(...tokens.flat()))),
      { numRuns: 5_000 },
    );
  });

  test("payloads with flipped bits and missing ends", () => {
    fc.assert(
      fc.property(anything, fc.nat(), fc.nat({ max: 7 }), (value, where, bit) => {
        const payload = encode([value, undefined]);
        const bytes = Buffer.from(payload.slice(1), "base64");
        const at = where % bytes.length;
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
        tolerate(`~${bytes.toString("base64")}`);
        tolerate(payload.slice(0, where % payload.length));
      }),
      { numRuns: 3_000 },
    );
  });

  test("lengths that are claimed take no memory", () => {
    const sparse = [code("a"), ...varint(30_000_000), code("@"), 0, ...varint(30_000_000)];
    const forty = Array.from({ length: 40 }, () => sparse).flat();
    expect(thrownBy(() => decode(clone(code("A"), 40, ...forty, code("$"), 0, 40)))).toMatchObject({
      code: "DECODE",
    });

    const dense: number[] = [];
    for (let level = 0; level < 2_000; level++) dense.push(code("A"), ...varint(4_000_000));
    const padding = Array.from({ length: 4_200_000 }, () => code("0"));
    const bytes = Buffer.concat([Buffer.from([0xff, 0x0f]), Buffer.from(dense), Buffer.from(padding)]);
    expect(thrownBy(() => decode(`~${bytes.toString("base64")}`))).toMatchObject({ code: "DECODE" });
  });

  test("what looks like a claim inside of data is data", () => {
    const lure = Buffer.from([...sparseTag(), ...sparseTag(), 0x41, 0xff, 0xff, 0xff, 0x7f]);
    fc.assert(
      fc.property(anything, (value) => {
        const error = new TypeError(lure.toString("latin1"), { cause: [value, /a\/b/gi] });
        error.stack = "";
        const all = [
          value,
          lure,
          lure.toString("latin1"),
          `${lure.toString("latin1")}\u4e00`,
          new RegExp("aÿ"),
          error,
        ];
        deepStrictEqual(copy(all), structuredClone(all).with(1, lure));
      }),
    );
  });

  test.for<[string, number[]]>([
    ["objects", [code("o"), code('"'), 1, 97]],
    ["arrays", [code("A"), 1]],
    ["Maps", [code(";")]],
    ["errors", [code("r"), code("c")]],
    ["regular expressions", [code("R")]],
  ])("%s nested deeper than the stack", ([, level]) => {
    const bytes = Buffer.concat([
      Buffer.from([0xff, 0x0f]),
      Buffer.from(Array.from({ length: 100_000 }, () => level).flat()),
    ]);
    expect(thrownBy(() => decode(`~${bytes.toString("base64")}`))).toMatchObject({ code: "DECODE" });
    tolerate("[".repeat(1_000_000));
    tolerate(`${"[".repeat(500_000)}${"]".repeat(500_000)}`);
  });

  function sparseTag(): number[] {
    return [code("a"), ...varint(30_000_000)];
  }
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}
