/** Advice about a tasks module that Node can't load, where Node's own message gives none. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCES = [".ts", ".mts", ".cts", "/index.ts", ".js", ".json"];

/** Gives a sentence to add to the message; `undefined` if the message is sufficient. */
export function remedyFor(error: unknown, moduleUrl: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, url } = error as Error & { readonly code?: string; readonly url?: string };
  switch (code) {
    case "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX":
      return syntaxRemedy(error.message);
    case "ERR_UNKNOWN_FILE_EXTENSION":
      return "Node runs .ts, .mts and .cts files: compile others to .js first, or give the worker a loader: `NODE_OPTIONS=--import=tsx`";
    case "ERR_MODULE_NOT_FOUND":
      return notFoundRemedy(error.message, url);
    case undefined:
      return exportRemedy(error.message, moduleUrl);
    default:
      return undefined;
  }
}

function syntaxRemedy(message: string): string {
  const instead = message.includes("enum")
    ? "write `const Color = { Red: 0 } as const` in place of the enum"
    : message.includes("parameter property")
      ? "declare the field, and assign it in the constructor"
      : message.includes("namespace")
        ? "write a module in place of the namespace"
        : "write it without";
  return `Node only strips types: ${instead}, compile the module to .js, or give the worker a loader: \`NODE_OPTIONS=--import=tsx\``;
}

/** For an import without its extension, or with that of the built file. */
function notFoundRemedy(message: string, url: string | undefined): string | undefined {
  const [, wanted] = /^Cannot find module '([^']+)'/.exec(message) ?? [];
  if (wanted === undefined) return undefined;
  const path = url?.startsWith("file:") === true ? fileURLToPath(url) : wanted;
  const built = path.replace(/\.([mc]?)js$/, ".$1ts");
  if (built !== path && existsSync(built)) {
    return `${built} exists: Node needs the extension of the file itself in an import, so end it in ${built.slice(built.lastIndexOf("."))}`;
  }
  const found = SOURCES.find((extension) => existsSync(path + extension));
  if (found === undefined) return undefined;
  return `${path}${found} exists: Node needs the whole name of a file in an import, so end it in ${found}`;
}

/** For an interface or a type that is imported as a value, which does not exist at run time. */
function exportRemedy(message: string, moduleUrl: string): string | undefined {
  const [, name] = /does not provide an export named '([^']+)'/.exec(message) ?? [];
  if (name === undefined || !/\.[mc]?ts$/.test(moduleUrl)) return undefined;
  return `if ${name} is a type, write \`import type { ${name} }\`, because nothing of it is left at run time`;
}
