/**
 * Reads what a package exports, as its users' compiler sees it: turns the sources into declarations, without `@internal`
 * parts, and reads these. TypeScript 7 has no API yet that the usual tools for this could use.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { parseSync } from "oxc-parser";
import type {
  Class,
  Comment,
  Function as FunctionNode,
  Statement,
  TSInterfaceDeclaration,
  TSTypeAliasDeclaration,
} from "oxc-parser";
import { isolatedDeclarationSync } from "oxc-transform";

import { readDocComment } from "./doc-comment.ts";
import type { DocComment } from "./doc-comment.ts";

export interface Exported {
  readonly name: string;
  readonly kind: "class" | "interface" | "type" | "function";
  readonly doc: DocComment;
  /** The declaration without its members. */
  readonly signature: string;
  /** Names of what it extends, without those whose members are listed here. */
  readonly extends: readonly string[];
  readonly members: readonly Member[];
}

export interface Member {
  readonly name: string;
  readonly kind: "constructor" | "method" | "property";
  readonly doc: DocComment;
  readonly signature: string;
  /** Of a property. */
  readonly type: string;
  readonly optional: boolean;
}

/** One file of declarations. */
interface Declarations {
  readonly file: string;
  readonly code: string;
  readonly body: readonly Statement[];
  readonly comments: readonly Comment[];
}

type Declaration = Class | FunctionNode | TSInterfaceDeclaration | TSTypeAliasDeclaration;

/**
 * Gives the exports of index files, in their order.
 *
 * @param packages - index file of each package, by its name
 */
export function readExports(indexes: readonly string[], packages: ReadonlyMap<string, string>): Exported[][] {
  const reader = new Reader(packages);
  const names = new Set(indexes.flatMap((index) => reader.namesOf(index)));
  return indexes.map((index) => reader.exportsOf(index, names));
}

class Reader {
  readonly #packages: ReadonlyMap<string, string>;
  readonly #files = new Map<string, Declarations>();

  constructor(packages: ReadonlyMap<string, string>) {
    this.#packages = packages;
  }

  namesOf(index: string): string[] {
    return this.#reexports(index).map(({ name }) => name);
  }

  /**
   * @param documented - names that have a place on the page, whose members are not repeated for types that extend them
   */
  exportsOf(index: string, documented: ReadonlySet<string>): Exported[] {
    return this.#reexports(index).map(({ name, from }) => this.#read(...this.#find(name, from), documented));
  }

  #reexports(index: string): { readonly name: string; readonly from: string }[] {
    return this.#load(index).body.flatMap((statement) => {
      if (statement.type !== "ExportNamedDeclaration" || statement.source === null) {
        throw new Error(`Expected ${index} to hold named re-exports only, got ${statement.type}`);
      }
      const from = this.#resolve(index, statement.source.value);
      return statement.specifiers.map(({ exported }) => ({ name: nameOf(exported), from }));
    });
  }

  /** The declaration of a name, followed through index files. */
  #find(name: string, file: string): readonly [Declarations, Declaration] {
    const declarations = this.#load(file);
    for (const statement of declarations.body) {
      if (statement.type !== "ExportNamedDeclaration") continue;
      const { declaration, source, specifiers } = statement;
      if (
        declaration !== null &&
        "id" in declaration &&
        declaration.id !== null &&
        nameOf(declaration.id) === name
      ) {
        return [declarations, declaration as Declaration];
      }
      if (source !== null && specifiers.some(({ exported }) => nameOf(exported) === name)) {
        return this.#find(name, this.#resolve(file, source.value));
      }
    }
    throw new Error(`${file} does not export ${name}`);
  }

  #read(file: Declarations, declaration: Declaration, exported: ReadonlySet<string>): Exported {
    const { code } = file;
    const name = declaration.id === null ? "" : nameOf(declaration.id);
    const doc = docBefore(file, startOfExport(file, declaration));
    const facts = { name, doc };
    switch (declaration.type) {
      case "TSDeclareFunction":
        return { ...facts, kind: "function", signature: headOf(code, declaration), extends: [], members: [] };
      case "TSTypeAliasDeclaration":
        return { ...facts, kind: "type", signature: headOf(code, declaration), extends: [], members: [] };
      case "TSInterfaceDeclaration": {
        const bases = declaration.extends.map(({ expression }) =>
          code.slice(expression.start, expression.end),
        );
        return {
          ...facts,
          kind: "interface",
          signature: code.slice(declaration.start, declaration.body.start).trim(),
          extends: bases,
          members: membersOf(file, declaration),
        };
      }
      case "ClassDeclaration": {
        const signature = code.slice(declaration.start, declaration.body.start).trim();
        const base = this.#baseOf(file, declaration);
        // Members of a base that users can't name are listed as the class's own.
        const inherited =
          base === undefined || exported.has(base.name)
            ? []
            : this.#read(base.file, base.declaration, exported).members;
        const own = membersOf(file, declaration);
        const rename = (text: string): string => base?.rename(text) ?? text;
        const others = inherited
          .filter((member) => !own.some((mine) => mine.name === member.name))
          .map((member) => ({ ...member, signature: rename(member.signature), type: rename(member.type) }));
        return {
          ...facts,
          kind: "class",
          signature: base === undefined || exported.has(base.name) ? signature : withoutExtends(signature),
          extends: base !== undefined && exported.has(base.name) ? [base.name] : [],
          members: [...own, ...others],
        };
      }
      default:
        throw new Error(
          `${file.file} exports ${name} as ${declaration.type}, which has no place on the page`,
        );
    }
  }

  /** The class that a class extends, if it is one of these packages'. */
  #baseOf(
    file: Declarations,
    { superClass, superTypeArguments }: Class,
  ):
    | {
        readonly name: string;
        readonly file: Declarations;
        readonly declaration: Class;
        rename(text: string): string;
      }
    | undefined {
    if (superClass?.type !== "Identifier") return undefined;
    const { name } = superClass;
    const imported = file.body.find(
      (statement) =>
        statement.type === "ImportDeclaration" &&
        statement.specifiers.some(({ local }) => local.name === name),
    );
    const isHere = file.code.includes(`class ${name} `) || file.code.includes(`class ${name}<`);
    if (imported?.type !== "ImportDeclaration" && !isHere) return undefined;
    const from =
      imported?.type === "ImportDeclaration" ? this.#resolve(file.file, imported.source.value) : file.file;
    const [baseFile, declaration] = this.#find(name, from);
    if (declaration.type !== "ClassDeclaration") throw new Error(`Expected ${name} to be a class`);
    const given = superTypeArguments?.params.map(({ start, end }) => file.code.slice(start, end)) ?? [];
    const params = declaration.typeParameters?.params.map((param) => nameOf(param.name)) ?? [];
    const types = new Map(params.map((param, i) => [param, given[i] ?? param]));
    return {
      name,
      file: baseFile,
      declaration,
      rename: (text) => text.replaceAll(/\b[A-Z]\b/g, (letter) => types.get(letter) ?? letter),
    };
  }

  #resolve(file: string, specifier: string): string {
    if (specifier.startsWith(".")) return resolve(dirname(file), specifier);
    const index = this.#packages.get(specifier);
    if (index === undefined)
      throw new Error(`${file} exports from ${specifier}, which is no package of ours`);
    return index;
  }

  #load(file: string): Declarations {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    const made = isolatedDeclarationSync(file, readFileSync(file, "utf8"), { stripInternal: true });
    if (made.errors.length > 0)
      throw new Error(`${file}: ${made.errors.map(({ message }) => message).join("; ")}`);
    const { program, comments } = parseSync(file.replace(/\.ts$/, ".d.ts"), made.code);
    const declarations = { file, code: made.code, body: program.body, comments };
    this.#files.set(file, declarations);
    return declarations;
  }
}

function membersOf(file: Declarations, { body }: Class | TSInterfaceDeclaration): Member[] {
  return body.body.flatMap((member): Member[] => {
    if (!("key" in member)) return [];
    if (member.key.type === "PrivateIdentifier") return [];
    if ("accessibility" in member && member.accessibility === "protected") return [];
    const key = file.code.slice(member.key.start, member.key.end);
    const name = "computed" in member && member.computed ? `[${key}]` : key;
    const signature = file.code.slice(member.start, member.end).replace(/;$/, "");
    const doc = docBefore(file, member.start);
    const annotation = "typeAnnotation" in member ? member.typeAnnotation : undefined;
    const facts = { name, doc, signature, optional: "optional" in member && member.optional === true };
    if (annotation) {
      const { start, end } = annotation.typeAnnotation;
      return [{ ...facts, kind: "property", type: file.code.slice(start, end) }];
    }
    if (signature.includes(`get ${name}(`)) {
      const type = signature.replace(/^.*\): /, "");
      return [{ ...facts, signature: `readonly ${name}: ${type}`, kind: "property", type }];
    }
    if (!signature.includes("(")) {
      // A literal: `readonly code = "LIMIT_EXCEEDED"`.
      return [{ ...facts, kind: "property", type: signature.replace(/^.* = /, "") }];
    }
    return [{ ...facts, kind: name === "constructor" ? "constructor" : "method", type: "" }];
  });
}

function headOf(code: string, { start, end }: Declaration): string {
  return code.slice(start, end).replace(/^declare /, "");
}

function withoutExtends(signature: string): string {
  return signature.replace(/ extends \w+(<[^{]*>)?(?= implements|$)/, "");
}

/** The doc comment that ends where something starts. */
function docBefore({ code, comments }: Declarations, start: number): DocComment {
  const comment = comments.findLast(({ end }) => end <= start);
  const isBefore =
    comment?.type === "Block" &&
    comment.value.startsWith("*") &&
    code.slice(comment.end, start).trim() === "";
  return readDocComment(isBefore ? comment.value.slice(1) : "");
}

function startOfExport({ code }: Declarations, { start }: Declaration): number {
  const before = code.slice(0, start);
  return before.endsWith("export ") ? start - "export ".length : start;
}

function nameOf(node: unknown): string {
  const { name, value } = node as { readonly name?: unknown; readonly value?: unknown };
  return typeof name === "string" ? name : String(value);
}
