/**
 * Checks the arguments of a task in the worker, with the schema of the task's definition. Producers and workers may be
 * deployed separately, so that types which held when a producer was compiled may not hold where its items run.
 */

import { InvalidArgumentsError } from "@poolmq/shared/task";

/**
 * A schema of any library that follows [Standard Schema](https://standardschema.dev), such as zod, valibot or arktype.
 */
export interface StandardSchema {
  /** The part that all of these libraries have in common. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>;
  };
}

type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type AnyFunction = (...args: never[]) => unknown;

/**
 * Gives a function that checks its arguments, and calls `fn` with the schemas' output.
 *
 * @param schemas - one for each argument; further arguments are passed on as they are
 */
export function checkingArguments<F extends AnyFunction>(fn: F, schemas: readonly StandardSchema[]): F {
  const checked = (...args: unknown[]): unknown => {
    const results = schemas.map((schema, index) => schema["~standard"].validate(args[index]));
    const call = (settled: readonly SchemaResult[]): unknown => {
      const issues = settled.flatMap((result, index) =>
        (result.issues ?? []).map(({ message, path }) => ({ message, path: pathOf(index, path) })),
      );
      if (issues.length > 0) throw new InvalidArgumentsError({ task: fn.name, issues });
      const values = settled.map((result) => (result as { readonly value: unknown }).value);
      // The function's own parameter defaults apply only to arguments that are left out, so trailing `undefined`s are
      // dropped.
      const given = Math.max(args.length, values.findLastIndex((value) => value !== undefined) + 1);
      return fn(...([...values, ...args.slice(values.length)].slice(0, given) as never[]));
    };
    const isSync = results.every((result) => !(result instanceof Promise));
    return isSync
      ? call(results as SchemaResult[])
      : Promise.all(results.map((result) => Promise.resolve(result))).then(call);
  };
  // Keep `length`, by which calls are checked, and `name`, which messages show.
  return Object.defineProperties(checked, {
    name: { value: fn.name },
    length: { value: fn.length },
  }) as unknown as F;
}

function pathOf(index: number, path: SchemaIssue["path"] = []): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  return [`[${index}]`, ...keys].join(".");
}
