/**
 * Finds objects of Node's own classes whose state is not in their properties. V8 writes them as empty objects, without an
 * error.
 */

import { EventEmitter } from "node:events";
import { builtinModules } from "node:module";

/** Node marks with these the classes that its own structured clone carries in a way of its own: BlockList, KeyObject, … */
const MESSAGING: ReadonlySet<string | undefined> = new Set([
  "messaging_clone_symbol",
  "messaging_transfer_symbol",
]);

/** The most prototypes that are looked at, since a proxy can make the chain endless. */
const MAX_PROTOTYPES = 20;

/** Whether a prototype is that of a class of Node's modules or of a global class; looked up once for each class. */
const known = new WeakMap<object, boolean>();

/**
 * Whether an object is one of Node's that can't be sent. Those that are data can, such as what `fs.stat` gives. So do
 * instances of users' classes that extend one of Node's: their own properties are sent, as of any class.
 */
export function isNodeObject(object: object, prototype: unknown): boolean {
  if (typeof prototype !== "object" || prototype === null) return false;
  try {
    if (isMessaging(prototype)) return true;
    return isOfNode(prototype) && (object instanceof EventEmitter || isEmptied(object) || isRefused(object));
  } catch {
    return false; // a getter threw
  }
}

function isMessaging(prototype: object): boolean {
  let next: object | null = prototype;
  for (let n = 0; n < MAX_PROTOTYPES && next !== null && next !== Object.prototype; n++) {
    if (Object.getOwnPropertySymbols(next).some(({ description }) => MESSAGING.has(description))) return true;
    next = Object.getPrototypeOf(next) as object | null;
  }
  return false;
}

function isOfNode(prototype: object): boolean {
  let answer = known.get(prototype);
  if (answer === undefined) {
    answer = [globalThis, ...loadedModules()].some((module) => hasClass(module, prototype));
    known.set(prototype, answer);
  }
  return answer;
}

/** An object of a class can be there only if the class's module was loaded: getting it again costs nothing. */
function loadedModules(): object[] {
  const { moduleLoadList = [] } = process as unknown as { readonly moduleLoadList?: readonly string[] };
  const loaded = new Set(moduleLoadList);
  return builtinModules
    .filter((name) => !name.startsWith("_") && loaded.has(`NativeModule ${name}`))
    .flatMap((name) => process.getBuiltinModule(name) ?? []);
}

/** Only the export of the class's name is read: reading some other exports loads modules or prints warnings. */
function hasClass(module: object, prototype: object): boolean {
  const { constructor } = prototype;
  return typeof constructor === "function" && Reflect.get(module, constructor.name) === constructor;
}

function isEmptied(object: object): boolean {
  return Object.values(object).every((value) => value === undefined);
}

/** Whether structured clone refuses the object; V8's serializer alone would write a plain object of its properties. */
function isRefused(object: object): boolean {
  try {
    structuredClone(object);
    return false;
  } catch {
    return true;
  }
}
