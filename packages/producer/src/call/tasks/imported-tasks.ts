/** The tasks module as this process sees it: given to the pool, or imported once a call needs it. */

import { pathToFileURL } from "node:url";

import { InvalidOptionError } from "@poolmq/shared";

import type { ErrorClass } from "../../map/outcomes/read-outcomes.ts";
import { exportedAs } from "./task-name.ts";

export class ImportedTasks {
  readonly #path: string | undefined;
  #module: object | undefined;

  /**
   * @param module - the module itself, if the pool was given it
   * @param path - its path, if the pool was given that
   */
  constructor(module: object | undefined, path: string | undefined) {
    this.#module = module;
    this.#path = path;
  }

  /** The module, as far as it is known without importing it. */
  get module(): object | undefined {
    return this.#module;
  }

  /** The classes of errors that the module exports, by name; `undefined` if it is not imported. */
  get errorClasses(): ReadonlyMap<string, ErrorClass> | undefined {
    if (this.#module === undefined) return undefined;
    const classes = Object.values(this.#module).filter(isErrorClass);
    return new Map(classes.map((errorClass) => [errorClass.name, errorClass]));
  }

  /** Gives the module, and imports it if necessary; `undefined` if this process does not know its path. */
  async import(): Promise<object | undefined> {
    if (this.#module === undefined && this.#path !== undefined) {
      this.#module = (await import(pathToFileURL(this.#path).href)) as object;
    }
    return this.#module;
  }

  /**
   * Gives the name under which a function is exported. A caller that has the function has imported its module, so
   * importing the module again runs nothing. A function of the same name is not enough: workers would run another
   * function than the caller meant, and nobody would notice.
   *
   * @param call - name of the pool's method
   * @throws InvalidOptionError if the tasks module does not export this very function
   */
  async nameOf(call: string, task: AnyFunction): Promise<string> {
    const name = exportedAs(task, await this.import());
    if (name === undefined) throw this.#notExported(call, task);
    return name;
  }

  #notExported(call: string, task: AnyFunction): InvalidOptionError {
    const kind = kindOf(task);
    if (this.#module === undefined) {
      return new InvalidOptionError(
        `${call}() was given ${kind}, and this pool can't tell which task of its workers that is: write ` +
          `${lineFor(call, task)}, or give the pool \`tasks\``,
      );
    }
    const where = this.#path ?? "the tasks module";
    return new InvalidOptionError(
      Object.hasOwn(this.#module, nameFor(task))
        ? `${call}() was given ${kind} that is not the one which ${where} exports by that name: write ` +
            `${lineFor(call, task)} to run the one there, or export this one there too`
        : `${call}() was given ${kind} that ${where} does not export, so that no worker has it: write ` +
            `\`export function ${nameFor(task)}(…) { … }\` there, and ${lineFor(call, task)} here`,
    );
  }
}

type AnyFunction = (...args: never[]) => unknown;

const BOUND = /^(bound )+/;

/** Says what kind of function it is, for an error. */
function kindOf(task: AnyFunction): string {
  const text = Function.prototype.toString.call(task);
  const name = task.name === "" ? "without a name" : `\`${task.name.replace(BOUND, "")}\``;
  if (/^class\b/.test(text)) return `a class ${name}`;
  if (BOUND.test(task.name)) return `a bound function ${name}`;
  if (/^(async\s+)?(function|\*)/.test(text)) return `a function ${name}`;
  return text.includes("=>") ? `an arrow function ${name}` : `a method ${name}`;
}

/** The correct call, for an error. */
function lineFor(call: string, task: AnyFunction): string {
  return `${call}("${nameFor(task)}", …)`;
}

function nameFor(task: AnyFunction): string {
  return task.name.replace(BOUND, "") || "yourTask";
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && value.prototype instanceof Error;
}
