import { deepStrictEqual, strictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";

import { attachRemote, decode, decodeThrown, encode, encodeThrown } from "@poolmq/shared/internal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

type AnyError = Error & Record<string, unknown>;

const back = (thrown: unknown, classes?: ReadonlyMap<string, unknown>): AnyError =>
  decodeThrown(encodeThrown(thrown), classes && { classes }) as AnyError;

function thrownBy(run: () => unknown): AnyError {
  try {
    run();
  } catch (error) {
    return error as AnyError;
  }
  throw new Error("Expected an error");
}

/** From Node 24 on. */
const SuppressedError = Reflect.get(globalThis, "SuppressedError") as
  | (new (error: unknown, suppressed: unknown, message: string) => Error)
  | undefined;

class NotFound extends Error {}

class HttpError extends Error {
  readonly status: number;
  readonly #secret = "s";
  constructor(status: number, options?: ErrorOptions) {
    super(`http ${status}`, options);
    this.name = "HttpError";
    this.status = status;
  }
  reveal(): string {
    return this.#secret;
  }
}

class Titled extends Error {}
Titled.prototype.name = "TitledByPrototype";

/** Errors of which the copy has to print as the original does. */
const PRINTABLE: [string, unknown][] = [
  ["Error", new Error("m")],
  ["no message", new Error()],
  ["TypeError", new TypeError("m")],
  ["RangeError", new RangeError("m")],
  ["SyntaxError", new SyntaxError("m")],
  ["ReferenceError", new ReferenceError("m")],
  ["EvalError", new EvalError("m")],
  ["URIError", new URIError("m")],
  ["AggregateError", new AggregateError([new TypeError("a"), new HttpError(500), "text"], "m")],
  ["AbortError", new DOMException("m", "AbortError")],
  ["TimeoutError", new DOMException("m", "TimeoutError")],
  ["a class with a name and properties", new HttpError(404)],
  ["a class whose prototype has the name", new Titled("m")],
  ["a cause", new Error("m", { cause: new HttpError(404, { cause: { why: [1n] } }) })],
  ["a cause that is no error", new Error("m", { cause: "text" })],
  ["an undefined cause", new Error("m", { cause: undefined })],
  ["a name that was assigned", Object.assign(new Error("m"), { name: "X" })],
  [
    "own properties of all kinds",
    Object.assign(new Error("m"), { code: "E_X", map: new Map([[1, new Date(0)]]), n: Number.NaN }),
  ],
  ["an error as a property", Object.assign(new Error("m"), { original: new HttpError(404) })],
  ["a list of errors as a property", Object.assign(new Error("m"), { errors: [new HttpError(404), 5] })],
  ["a message of many lines", new Error("first\n    at second\nthird")],
  ["a system error", thrownBy(() => readFileSync("/does/not/exist"))],
  ["an error of Node with a code", thrownBy(() => readFileSync(5.5))],
  ["an error of Node about a range", thrownBy(() => Buffer.alloc(-1))],
  ["an error of JSON.parse", thrownBy(() => JSON.parse("{"))],
  ["a failed assertion", thrownBy(() => strictEqual<unknown>(1, 2))],
  ["an error of structured clone", thrownBy(() => structuredClone(() => 1))],
  [
    "properties that look like prototypes'",
    Object.defineProperty(Object.assign(new Error("m"), { constructor: "c" }), "__proto__", {
      value: { polluted: 1 },
      enumerable: true,
    }),
  ],
];

describe("a thrown error comes back as itself", () => {
  test.for(PRINTABLE)("and prints as it did: %s", ([, error]) => {
    expect(inspect(back(error))).toBe(inspect(error));
  });

  test.for(PRINTABLE)("with name, message, stack and properties: %s", ([, thrown]) => {
    const error = thrown as AnyError;
    const copy = back(error);
    expect(copy).toBeInstanceOf(Error);
    expect([copy.name, copy.message, copy.stack]).toEqual([error.name, error.message, error.stack]);
    expect(Object.keys(copy)).toEqual(Object.keys(error));
  });

  test.for([Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError])(
    "as an instance of %o",
    (BuiltIn) => {
      const copy = back(new BuiltIn("m"));
      expect(Object.getPrototypeOf(copy)).toBe(BuiltIn.prototype);
      expect(inspect(structuredClone(copy))).toBe(inspect(copy)); // V8 takes it for an error
    },
  );

  test.for(["AbortError", "TimeoutError", "DataCloneError"])("as a DOMException: %s", (name) => {
    const original = new DOMException("m", name);
    const copy = back(original);
    expect(copy).toBeInstanceOf(DOMException);
    expect([copy.name, copy["code"], copy.message, copy.stack]).toEqual([
      name,
      original.code,
      "m",
      original.stack,
    ]);
  });

  test.skipIf(SuppressedError === undefined)("as a SuppressedError with both of its errors", () => {
    const make = (): Error =>
      new (SuppressedError as NonNullable<typeof SuppressedError>)(
        new TypeError("could not close the file"),
        new HttpError(507),
        "m",
      );
    for (const find of [
      (error: unknown) => back(error),
      (error: unknown) => back(new Error("outer", { cause: error })).cause,
      (error: unknown) =>
        (back(new AggregateError([error])) as unknown as AggregateError).errors[0] as unknown,
    ]) {
      const copy = find(make()) as AnyError;
      expect(copy).toBeInstanceOf(SuppressedError);
      expect(copy).toMatchObject({ name: "SuppressedError", message: "m" });
      expect(copy["error"]).toBeInstanceOf(TypeError);
      expect(copy["error"]).toMatchObject({ message: "could not close the file" });
      expect(copy["suppressed"]).toMatchObject({ message: "http 507", status: 507 });
      expect(Object.keys(copy)).toEqual([]);
    }
  });

  test("as an AggregateError whose errors are errors too", () => {
    const copy = back(
      new AggregateError([new HttpError(404), new RangeError("r"), 5, undefined], "m", { cause: 1 }),
    );
    expect(copy).toBeInstanceOf(AggregateError);
    const errors = copy["errors"] as AnyError[];
    expect(errors[0]).toMatchObject({ name: "HttpError", status: 404 });
    expect(errors[1]).toBeInstanceOf(RangeError);
    expect(errors.slice(2)).toEqual([5, undefined]);
    expect(copy.cause).toBe(1);
    expect(Object.getOwnPropertyDescriptor(copy, "errors")?.enumerable).toBe(false);
  });

  test("with the worker's code and syscall", () => {
    const copy = back(thrownBy(() => readFileSync("/does/not/exist")));
    expect(copy).toMatchObject({ code: "ENOENT", syscall: "open", path: "/does/not/exist", errno: -2 });
  });

  test("with the name of its class, if the class set none", () => {
    const error = new NotFound("nope");
    const copy = back(error);
    expect(copy.name).toBe("NotFound");
    expect(copy.constructor.name).toBe("NotFound");
    expect(String(copy)).toBe("NotFound: nope");
    expect(copy.stack).toBe(error.stack?.replace("Error: nope", "NotFound: nope"));
    expect(inspect(copy)).toMatch(/^NotFound: nope\n {4}at /);
  });

  test("with the nearest built-in class, if this process lacks its class", () => {
    class BadIndex extends RangeError {}
    expect(back(new BadIndex("m"))).toBeInstanceOf(RangeError);
    expect(back(new BadIndex("m")).name).toBe("BadIndex");
  });

  test("with causes of any kind", () => {
    for (const cause of [null, 0, "text", [1, new Date(0)], new Map([[1, 2]])]) {
      deepStrictEqual(back(new Error("m", { cause })).cause, cause);
    }
    expect("cause" in back(new Error("m"))).toBe(false);
  });

  test("from another realm", () => {
    const copy = back(runInNewContext("Object.assign(new TypeError('m'), { code: 'E' })"));
    expect(copy).toBeInstanceOf(TypeError);
    expect(copy).toMatchObject({ message: "m", code: "E" });
  });

  test("without what is private or not enumerable", () => {
    const error = Object.defineProperty(new HttpError(1), "hidden", { value: 1 });
    expect(Object.getOwnPropertyNames(back(error)).toSorted()).toEqual([
      "message",
      "name",
      "stack",
      "status",
    ]);
  });

  test("one that was frozen", () => {
    expect(back(Object.freeze(new HttpError(404)))).toMatchObject({ name: "HttpError", status: 404 });
  });

  test("one whose message is a number", () => {
    expect(back(Object.assign(new Error("m"), { message: 404 })).message).toBe("404");
  });

  test("one whose stack is not text", () => {
    const copy = back(Object.assign(new HttpError(404), { stack: [{ frame: 1 }] }));
    expect(copy.stack).toBe("HttpError: http 404");
  });

  test("one that only inherits from Error", () => {
    const error = Object.assign(Object.create(Error.prototype) as object, { message: "m", code: 1 });
    expect(back(error)).toMatchObject({ message: "m", code: 1 });
  });
});

describe("a class that the producer has", () => {
  const classes = new Map<string, unknown>([
    ["HttpError", HttpError],
    ["NotFound", NotFound],
  ]);

  test("makes the error its instance, and no constructor is called", () => {
    const copy = back(new HttpError(404), classes);
    expect(copy).toBeInstanceOf(HttpError);
    expect(copy).toMatchObject({ name: "HttpError", message: "http 404", status: 404 });
    expect(back(new NotFound("m"), classes)).toBeInstanceOf(NotFound);
  });

  test("is used for causes and members too", () => {
    const copy = back(new AggregateError([new HttpError(1)], "m", { cause: new NotFound("c") }), classes);
    expect(copy.cause).toBeInstanceOf(NotFound);
    expect((copy["errors"] as unknown[])[0]).toBeInstanceOf(HttpError);
  });

  test.for<[string, unknown]>([
    ["a function", () => 1],
    ["a class that is no error", class HttpError {}],
    ["a value", { prototype: {} }],
    ["null", null],
    ["a plain object with the prototype of errors", { prototype: Error.prototype }],
  ])("is not taken from %s of the same name", ([, impostor]) => {
    const copy = back(new HttpError(404), new Map([["HttpError", impostor]]));
    expect(copy).toBeInstanceOf(Error);
    expect(copy).toMatchObject({ name: "HttpError", status: 404 });
  });

  test("is not looked up on prototypes", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      const Odd = Object.defineProperty(class extends Error {}, "name", { value: name });
      expect(back(new Odd("m"), classes)).toMatchObject({ name, message: "m" });
    }
  });
});

describe("poolmq's own errors", () => {
  test("come back as their classes", () => {
    const error = thrownBy(() => encode([() => 1], { role: "result" }));
    const copy = back(error);
    expect(Object.getPrototypeOf(copy)).toBe(Object.getPrototypeOf(error));
    expect(inspect(copy)).toBe(inspect(error));
  });

  test("are not mistaken for a user's class of the same name", () => {
    class LimitError extends Error {}
    const copy = back(new LimitError("m"));
    const own = thrownBy(() => encode("x", { maxBytes: 1 }));
    expect(own.name).toBe("LimitError");
    expect(copy).not.toBeInstanceOf(own.constructor);
    expect(copy.name).toBe("LimitError");
  });
});

describe("what is not an error comes back as what it was", () => {
  test.for<[string, unknown]>([
    ["null", null],
    ["undefined", undefined],
    ["text", "failed"],
    ["an empty text", ""],
    ["a number", 404],
    ["-0", -0],
    ["a BigInt", 1n],
    ["an object", { status: 404, at: new Date(0), list: [undefined] }],
    ["an array", [1, "x"]],
    ["an object that looks like a carried one", { e: { name: "X" }, v: 1, a: [] }],
    ["a Map", new Map([["k", 1]])],
  ])("%s", ([, value]) => {
    deepStrictEqual(back(value), value);
  });

  test.for<[string, unknown, string]>([
    ["a function", () => 1, "a function"],
    ["a symbol", Symbol("s"), "a symbol"],
    ["a Promise", Promise.resolve(1), "a Promise"],
    ["a Proxy", new Proxy({}, {}), "a Proxy"],
    ["a URL", new URL("http://localhost"), "a URL"],
  ])("except %s, which becomes a SerializationError", ([, value, what]) => {
    const copy = back(value);
    expect(copy).toMatchObject({ name: "SerializationError", code: "SERIALIZATION" });
    expect(copy.message).toContain(`The function threw ${what},`);
  });

  test("an array of errors", () => {
    const [first, second] = back([new HttpError(404), "x"]) as unknown as [AnyError, string];
    expect(first).toMatchObject({ name: "HttpError", status: 404 });
    expect(second).toBe("x");
  });
});

describe("what can't be sent is replaced by a text that says what it was", () => {
  test("in properties, of which the others are kept", () => {
    const error = Object.assign(new Error("m"), {
      code: "E",
      retry: () => 1,
      id: Symbol("s"),
      config: { url: "u", headers: { a: [1] }, hooks: [() => 1, 2] },
      client: new (class Client {
        socket = { write(): void {} };
      })(),
    });
    expect(back(error)).toMatchObject({
      message: "m",
      code: "E",
      retry: "[not sent: a function]",
      id: "[not sent: a symbol]",
      config: { url: "u", headers: { a: [1] }, hooks: ["[not sent: a function]", 2] },
      client: "[not sent: an object with a function at .socket.write]",
    });
  });

  test("in what was thrown", () => {
    expect(back({ status: 1, retry: () => 1 })).toEqual({ status: 1, retry: "[not sent: a function]" });
  });

  test("in causes and members", () => {
    const copy = back(new AggregateError([() => 1, new Error("e")], "m", { cause: Symbol("s") }));
    expect(copy.cause).toBe("[not sent: a symbol]");
    expect((copy["errors"] as unknown[])[0]).toBe("[not sent: a function]");
  });

  test("if a getter throws", () => {
    const error = Object.defineProperties(new Error("m"), {
      bad: { enumerable: true, get: () => { throw new Error("no"); } }, // oxfmt-ignore
      good: { enumerable: true, get: () => 5 },
    });
    expect(back(error)).toMatchObject({
      message: "m",
      bad: "[not sent: a property whose getter throws]",
      good: 5,
    });
  });

  test("if it is nested too deep", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 10_000; level++) deep = [deep];
    expect(back(Object.assign(new Error("m"), { deep, n: 1 }))).toMatchObject({
      deep: "[not sent: a value nested deeper than 200 levels]",
      n: 1,
    });
  });

  test("if it leads back to itself", () => {
    const loop: Record<string, unknown> = { f(): void {}, n: 1 };
    loop["self"] = loop;
    const copy = back(Object.assign(new Error("m"), { loop }))["loop"] as Record<string, unknown>;
    expect(copy).toMatchObject({ f: "[not sent: a function]", n: 1 });
    expect(copy["self"]).toBe(copy);
  });
});

describe("errors that refer to each other", () => {
  test("an error that is its own cause", () => {
    const error = new Error("m");
    error.cause = error;
    const copy = back(error);
    expect(copy.cause).toBe(copy);
  });

  test("errors that are members of each other", () => {
    const inner = new HttpError(1);
    const outer = new AggregateError([inner, inner], "m", { cause: inner });
    inner.cause = outer;
    const copy = back(outer);
    const [first, second] = copy["errors"] as AnyError[];
    expect(first).toBe(second);
    expect(copy.cause).toBe(first);
    expect(first?.cause).toBe(copy);
  });

  test("a list that holds itself", () => {
    const list: unknown[] = [new Error("m")];
    list.push(list);
    const copy = back(Object.assign(new Error("m"), { list }))["list"] as unknown[];
    expect(copy[1]).toBe(copy);
  });

  test("a chain of 1,000 causes is cut, and says so", () => {
    let error = new Error("root");
    for (let n = 0; n < 1_000; n++) error = new Error(`m${n}`, { cause: error });
    let depth = 0;
    let link: unknown = back(error);
    for (; link instanceof Error; link = link.cause) depth++;
    expect(depth).toBe(100);
    expect(link).toBe("[not sent: an error more than 100 levels down]");
  });

  test("100,000 members do not end the process", () => {
    const errors = Array.from({ length: 100_000 }, () => "x");
    expect(back(new AggregateError(errors, "m"))["errors"]).toHaveLength(100_000);
  });
});

describe("encoding never throws", () => {
  const throwing = new Proxy({}, { get: (_, trap) => () => { throw new Error(`touched ${String(trap)}`); } }); // oxfmt-ignore

  test.for<[string, () => unknown]>([
    ["a Proxy whose traps throw", () => new Proxy({}, throwing)],
    ["a Proxy of an error whose traps throw", () => new Proxy(new Error("m"), throwing)],
    ["a Proxy whose prototype changes", () => new Proxy({}, { getPrototypeOf: changing() })],
    [
      "an error with a Proxy as prototype",
      () => Object.setPrototypeOf(new Error("m"), new Proxy({}, throwing)) as unknown,
    ],
    ["an endless chain of prototypes", () => Object.setPrototypeOf(new Error("m"), endless()) as unknown],
    ["an error whose every property throws", () => hostileError()],
    ["a list whose elements throw", () => Object.assign(new Error("m"), { list: hostileList() })],
    ["an error whose properties change while they are read", () => changingError()],
    ["a constructor whose name throws", () => hostileConstructor()],
    ["an object without prototype", () => Object.create(null) as unknown],
  ])("%s", ([, make]) => {
    const payload = encodeThrown(make());
    expect(() => decodeThrown(payload)).not.toThrow();
    expect(decode(payload)).toBeTypeOf("object");
  });

  test("anything", () => {
    const values = fc.anything({
      withBigInt: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(values, fc.dictionary(fc.string(), values), values, (value, props, cause) => {
        deepStrictEqual(back(value), structuredClone(value));
        const error = new HttpError(1, { cause });
        for (const [key, item] of Object.entries(props)) {
          Object.defineProperty(error, key, {
            value: item,
            enumerable: true,
            configurable: true,
            writable: true,
          });
        }
        const copy = back(error);
        deepStrictEqual(copy.cause, structuredClone(cause));
        if (!Object.hasOwn(props, "cause")) deepStrictEqual(ownProps(copy), structuredClone(ownProps(error)));
      }),
    );
  });
});

describe("a limit", () => {
  const limits = { maxBytes: 10_000, limit: "maxOutcomeBytes" };

  test("cuts messages and stacks and keeps names and short properties", () => {
    const error = Object.assign(new HttpError(404), {
      message: "x".repeat(1_000_000),
      big: "y".repeat(50_000),
      code: "E",
    });
    const payload = encodeThrown(error, limits);
    expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(limits.maxBytes);
    const copy = decodeThrown(payload) as AnyError;
    expect(copy).toMatchObject({ name: "HttpError", status: 404, code: "E" });
    expect(copy["big"]).toBe(
      "[not sent: a property of an error larger than `maxOutcomeBytes` (10000 bytes)]",
    );
    expect(copy.message).toMatch(/^x{300,}… \[cut: 1000000 characters\]$/);
  });

  test.for(["\u0001", "é", "😀", '"'])("holds for text of %j", (character) => {
    const payload = encodeThrown(new Error(character.repeat(100_000)), limits);
    expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(limits.maxBytes);
    expect((decodeThrown(payload) as Error).message.startsWith(character)).toBe(true);
  });

  test("turns a larger value into a LimitError that names it", () => {
    const copy = decodeThrown(encodeThrown("x".repeat(100_000), limits)) as AnyError;
    expect(copy).toMatchObject({
      name: "LimitError",
      code: "LIMIT_EXCEEDED",
      limit: "maxOutcomeBytes",
      max: 10_000,
    });
  });

  test("as small as 1 KiB is kept", () => {
    const errors = [
      new Error("m".repeat(9_999)),
      Object.assign(new Error("m"), { a: "x".repeat(9_999) }),
      new AggregateError(
        Array.from({ length: 99 }, () => new Error("m")),
        "m",
      ),
      Object.defineProperty(new Error("m"), "name", { value: "n".repeat(9_999) }),
      "x".repeat(9_999),
    ];
    for (const error of errors)
      expect(Buffer.byteLength(encodeThrown(error, { maxBytes: 1_024 }))).toBeLessThanOrEqual(1_024);
  });

  test("of a payload is checked before decoding", () => {
    const error = thrownBy(() => decodeThrown(encodeThrown(new Error("m")), { maxBytes: 20 }));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", max: 20 });
  });
});

describe("decoding what nobody encoded", () => {
  const portrait = { kind: "Error", class: "Error", name: "Error", message: "m" };

  test.for<[string, unknown]>([
    ["no record", 5],
    ["null", null],
    ["an empty record", {}],
    ["an error that is none", { e: 5 }],
    ["an error with no name", { e: { ...portrait, name: undefined } }],
    ["a message that is no text", { e: { ...portrait, message: {} } }],
    ["a class that is not built in", { e: { ...portrait, kind: "Function" } }],
    ["a class of a prototype", { e: { ...portrait, kind: "constructor" } }],
    ["properties that are none", { e: { ...portrait, props: 5 } }],
    ["a property with no name", { e: { ...portrait, props: [[5, { v: 1 }]] } }],
    ["a property with no value", { e: { ...portrait, props: [["a"]] } }],
    ["a hidden property of another name", { e: { ...portrait, hidden: [["message", { v: 1 }]] } }],
    ["a list that is none", { a: 5 }],
    ["a list of millions of holes", { a: Object.assign([], { length: 3_000_000 }) }],
    ["a record of a class", { e: new Map() }],
  ])("%s is a DecodeError", ([, carried]) => {
    const payload = carriedPayload(carried);
    expect(thrownBy(() => decodeThrown(payload))).toMatchObject({ name: "DecodeError", code: "DECODE" });
  });

  test("names of properties only ever make own properties", () => {
    const props = ["__proto__", "constructor", "toString", "prototype", "valueOf", "then"].map((key) => [
      key,
      { v: { polluted: 1 } },
    ]);
    const copy = decodeThrown(JSON.stringify({ e: { ...portrait, props } }));
    expect(copy).toBeInstanceOf(Error);
    expect(Object.getPrototypeOf(copy)).toBe(Error.prototype);
    expect(Object.keys(copy as object)).toEqual(props.map(([key]) => key));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect((Error.prototype as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("lists and errors nested deeper than any that is encoded", () => {
    let deep: unknown = { v: 1 };
    for (let level = 0; level < 300; level++) deep = { a: [deep] };
    expect(thrownBy(() => decodeThrown(JSON.stringify(deep)))).toMatchObject({ code: "DECODE" });
  });

  test("any payload", () => {
    fc.assert(
      fc.property(fc.anything({ withMap: true, withSet: true, withSparseArray: true }), (value) => {
        for (const carried of [
          value,
          { e: value },
          { a: value },
          { e: { ...portrait, props: value, hidden: value } },
        ]) {
          try {
            decodeThrown(carriedPayload(carried));
          } catch (error) {
            expect((error as { code?: string }).code).toBe("DECODE");
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  function carriedPayload(carried: unknown): string {
    try {
      return encode(carried);
    } catch {
      return "~"; // what the codec itself refuses is no payload
    }
  }
});

describe("where an error came from", () => {
  const info = { task: "add", index: 3, attempt: 1, worker: "host-1-x", pid: 5 };

  test("is its property `remote`, which prints and comparisons leave out", () => {
    const error = back(new HttpError(404));
    const print = inspect(error);
    attachRemote(error, info);
    expect(error["remote"]).toBe(info);
    expect(inspect(error)).toBe(print);
    expect(Object.keys(error)).not.toContain("remote");
  });

  test("can be said again, for another attempt", () => {
    const error = new Error("m");
    attachRemote(error, info);
    attachRemote(error, { ...info, attempt: 2 });
    expect((error as unknown as AnyError)["remote"]).toEqual({ ...info, attempt: 2 });
  });

  test("is said of thrown objects too", () => {
    const thrown = { status: 404 };
    attachRemote(thrown, info);
    expect((thrown as { remote?: unknown }).remote).toBe(info);
    expect(thrown).toEqual({ status: 404 });
  });

  test.for<[string, unknown]>([
    ["null", null],
    ["undefined", undefined],
    ["text", "x"],
    ["a number", 5],
    ["a frozen error", Object.freeze(new Error("m"))],
    ["a Proxy that refuses", new Proxy({}, { defineProperty: () => false })],
  ])("is left out where there is no room for it: %s", ([, value]) => {
    expect(() => attachRemote(value, info)).not.toThrow();
  });
});

function ownProps(error: Error): object {
  return Object.fromEntries(Object.entries(error));
}

function changing(): () => object | null {
  let calls = 0;
  return () => {
    if (++calls > 2) throw new Error("changed");
    return Error.prototype;
  };
}

function endless(): object {
  const loop: object = new Proxy({}, { getPrototypeOf: () => loop });
  return loop;
}

function hostileError(): Error {
  const error = new Error("m");
  for (const key of ["name", "message", "stack", "cause", "errors", "code"]) {
    Object.defineProperty(error, key, {
      enumerable: true,
      get: () => { throw new Error("no"); }, // oxfmt-ignore
    });
  }
  return error;
}

function hostileList(): unknown[] {
  return Object.defineProperty([new Error("m"), 1], 0, { enumerable: true, get: () => { throw new Error("no"); } }); // oxfmt-ignore
}

function changingError(): Error {
  let reads = 0;
  return Object.defineProperty(new Error("m"), "value", {
    enumerable: true,
    get: () => (reads++ % 2 === 0 ? { fine: 1 } : () => 1),
  });
}

function hostileConstructor(): Error {
  class Odd extends Error {
    static override get name(): string {
      throw new Error("no");
    }
  }
  return new Odd("m");
}
