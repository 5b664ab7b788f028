/**
 * Checks the arguments of a task where they come in, with the schema of its definition. Producers and workers may be
 * deployed apart, so that types which held when a producer was compiled need not hold where its items run.
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
 * Gives a function that checks its arguments, and calls `fn` with what the schemas made of them.
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
      // A default in the function's own list counts only where the argument is left out.
      const given = Math.max(args.length, values.findLastIndex((value) => value !== undefined) + 1);
      return fn(...([...values, ...args.slice(values.length)].slice(0, given) as never[]));
    };
    const isSync = results.every((result) => !(result instanceof Promise));
    return isSync
      ? call(results as SchemaResult[])
      : Promise.all(results.map((result) => Promise.resolve(result))).then(call);
  };
  // Calls are checked by the number of parameters, and messages name the function.
  return Object.defineProperties(checked, {
    name: { value: fn.name },
    length: { value: fn.length },
  }) as unknown as F;
}

function pathOf(index: number, path: SchemaIssue["path"] = []): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  return [`[${index}]`, ...keys].join(".");
}
