/** The tasks module as this process sees it: given to the pool, or imported once a call needs it. */

import { pathToFileURL } from "node:url";

import type { ErrorClass } from "../map/read-outcomes.ts";
import { exportedAs } from "./task-name.ts";

export class ImportedTasks {
  readonly #path: string | undefined;
  #module: object | undefined;

  /**
   * @param module - the module itself, if the pool was given it
   * @param path - where it lies, if the pool was given that
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

  /**
   * Gives the name under which a task is exported. Whoever has the function has imported its module, so importing the
   * module once more runs nothing.
   *
   * @param name - name to use if the module does not export the task
   */
  async nameOf(task: unknown, name: string): Promise<string> {
    if (this.#module === undefined && this.#path !== undefined) {
      this.#module = (await import(pathToFileURL(this.#path).href)) as object;
    }
    return exportedAs(task, this.#module) ?? name;
  }
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && value.prototype instanceof Error;
}
