/** What every task takes for granted of its process, each with a try of it that takes less than a microsecond. */

import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";

/** A check gives true if this works; otherwise it gives false or throws. */
export type Check = readonly [what: string, works: () => boolean];

const KEY = {};

export const CHECKS: readonly Check[] = [
  [
    "Object",
    () => {
      const some: Record<string, unknown> = { a: 1 };
      for (const key in some) if (key !== "a") return false;
      for (const key of ["id", "t", "value", "0"]) {
        if (some[key] !== undefined) return false;
        some[key] = 2;
        if (some[key] !== 2) return false;
      }
      if ("then" in some || "toJSON" in some) return false;
      const copy = Object.assign(Object.create(null) as typeof some, { b: 2 });
      Object.defineProperty(copy, "c", { value: 3, enumerable: true });
      return Object.keys(copy).length === 2 && Object.entries(copy)[1]?.[1] === 3 && Object.hasOwn(copy, "b");
    },
  ],
  [
    "Array",
    () => {
      const list: number[] = [];
      list[0] = 1;
      list.push(2, 3);
      const [first, ...rest] = [...list.map((x) => x + 1), 9];
      return (
        list.length === 3 &&
        first === 2 &&
        rest.join() === "3,4,9" &&
        Array.isArray(list) &&
        !Array.isArray(KEY) &&
        Array.from(list).length === 3 &&
        list.filter((x) => x > 1).length === 2 &&
        list.slice(1)[0] === 2 &&
        list.indexOf(3) === 2 &&
        list.includes(2) &&
        list.some((x) => x === 3) &&
        list.every((x) => x > 0) &&
        list.find((x) => x === 2) === 2 &&
        list.concat([4]).reduce((sum, x) => sum + x, 0) === 10 &&
        list.toSorted((a, b) => b - a)[0] === 3 &&
        [...list.entries()][2]?.[1] === 3 &&
        list.splice(0, 1)[0] === 1 &&
        list.pop() === 3 &&
        list.shift() === 2
      );
    },
  ],
  [
    "Function",
    () => {
      const { add } = { add: (a: number, b: number) => a + b };
      return add.call(KEY, 1, 2) === 3 && add.apply(KEY, [1, 2]) === 3 && add.bind(KEY, 1)(2) === 3;
    },
  ],
  [
    "Reflect",
    () => Reflect.apply(Math.max, undefined, [1, 2]) === 2 && Reflect.ownKeys({ a: 1 }).length === 1,
  ],
  [
    "String",
    () =>
      "a,b".split(",")[1] === "b" &&
      "abc".slice(1) === "bc" &&
      "abc".indexOf("c") === 2 &&
      "abc".startsWith("ab") &&
      "abc".includes("b") &&
      "aba".replace("b", "c") === "aca" &&
      "aba".replaceAll("a", "c") === "cbc" &&
      " a ".trim() === "a" &&
      "a".padStart(2, "b") === "ba" &&
      "aB".toLowerCase() === "ab" &&
      "a".charCodeAt(0) === 97 &&
      Array.from("ab").length === 2 &&
      String(12) === "12",
  ],
  ["RegExp", () => /^a(b)$/.exec("ab")?.[1] === "b" && /b/.test("abc") && "abc".replace(/b/g, "") === "ac"],
  [
    "Math",
    () =>
      Math.max(1, 2) === 2 &&
      Math.min(1, 2) === 1 &&
      Math.floor(1.5) === 1 &&
      Math.round(1.6) === 2 &&
      Number.isInteger(1) &&
      Number.isFinite(1) &&
      Number("1.5") === 1.5 &&
      (1.25).toFixed(1).length === 3 &&
      parseInt("7", 10) === 7,
  ],
  ["JSON", () => JSON.stringify(JSON.parse('{"a":[1,"b",true]}')) === '{"a":[1,"b",true]}'],
  [
    "Map",
    () => {
      const map = new Map([["a", 1]]);
      map.set("b", 2);
      const sum = [...map.values()].length + [...map].length + [...map.keys()].length;
      return map.get("b") === 2 && map.has("a") && map.delete("a") && map.size === 1 && sum === 6;
    },
  ],
  [
    "Set",
    () => {
      const set = new Set([1]).add(2);
      return set.has(2) && [...set].length === 2 && set.delete(1) && set.size === 1;
    },
  ],
  [
    "WeakMap",
    () => {
      const map = new WeakMap<object, number>().set(KEY, 1);
      const set = new WeakSet().add(KEY);
      return map.get(KEY) === 1 && map.has(KEY) && map.delete(KEY) && set.has(KEY) && set.delete(KEY);
    },
  ],
  // Without its stack: making that takes a hundred times as long as all the rest.
  ["Error", () => new TypeError("a") instanceof Error && new RangeError("a").message === "a"],
  [
    "Promise",
    () =>
      Promise.resolve(1) instanceof Promise &&
      Promise.all([]) instanceof Promise &&
      Promise.race([]) instanceof Promise &&
      Promise.allSettled([]) instanceof Promise &&
      Promise.resolve(1).then(() => {}) instanceof Promise &&
      Promise.resolve(1).catch(() => {}) instanceof Promise &&
      Promise.resolve(1).finally(() => {}) instanceof Promise,
  ],
  ["Symbol", () => typeof Symbol.iterator === "symbol" && typeof Symbol("a") === "symbol"],
  ["Date", () => new Date(5).getTime() === 5 && Number.isFinite(Date.now())],
  ["performance", () => performance.now() >= 0],
  [
    "Buffer",
    () => {
      const bytes = Buffer.concat([Buffer.from("ab"), Buffer.alloc(1)]);
      return (
        bytes.toString("latin1", 0, 2) === "ab" && bytes.subarray(1).length === 2 && Buffer.isBuffer(bytes)
      );
    },
  ],
  [
    "Uint8Array",
    () => {
      const bytes = new Uint8Array([1, 2]);
      bytes.set([3], 1);
      return bytes.subarray(1)[0] === 3 && bytes.slice(0, 1)[0] === 1 && new Float64Array(1).fill(2)[0] === 2;
    },
  ],
  ["TextDecoder", () => new TextDecoder().decode(new TextEncoder().encode("a")) === "a"],
  ["AbortController", () => !new AbortController().signal.aborted],
  [
    "EventEmitter",
    () => {
      let heard = 0;
      const emitter = new EventEmitter().on("a", () => heard++).once("a", () => heard++);
      return emitter.emit("a") && emitter.emit("a") && heard === 3;
    },
  ],
  ["AsyncLocalStorage", () => storage.run(KEY, () => storage.getStore()) === KEY],
  ["process", () => typeof process.exit === "function" && typeof process.env === "object" && process.pid > 0],
];

const storage = new AsyncLocalStorage<object>();
