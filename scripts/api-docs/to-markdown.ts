/** Writes the exports of the packages as a page of Markdown. */
import type { Exported, Member } from "./read-exports.ts";

/** Signatures are fenced as `typescript`, examples as `ts`, which a test runs. */
const SIGNATURE = "typescript";

/** A package's part of the page; all of `names` have a place on the page. */
export function packageToMarkdown(
  name: string,
  intro: string,
  exports: readonly Exported[],
  names: ReadonlySet<string>,
): string {
  const errors = exports.filter(isError);
  const types = exports.filter(({ kind }) => kind === "type");
  const others = exports.filter((one) => !errors.includes(one) && !types.includes(one));
  return [
    `## ${name}`,
    intro,
    ...others.map((one) => exportToMarkdown(one, names)),
    ...(types.length === 0 ? [] : ["### Types", ...types.map(typeToMarkdown)]),
    ...(errors.length === 0 ? [] : ["### Errors", errorsToMarkdown(errors)]),
  ].join("\n\n");
}

function exportToMarkdown(one: Exported, names: ReadonlySet<string>): string {
  const { name, kind, doc, members } = one;
  const properties = members.filter((member) => member.kind === "property" && !isSymbol(member));
  const methods = members.filter((member) => member.kind !== "property");
  return paragraphs([
    `### ${name}`,
    kind === "function" ? fence(SIGNATURE, one.signature) : undefined,
    doc.text,
    ...docParts(one.doc),
    alsoFrom(one, names),
    properties.length === 0 ? undefined : propertyTable(kind, properties),
    ...methods.map((member) => methodToMarkdown(name, member)),
  ]);
}

function alsoFrom(
  { kind, signature, extends: bases }: Exported,
  names: ReadonlySet<string>,
): string | undefined {
  const known = bases.filter((base) => names.has(base));
  if (known.length === 0) return undefined;
  const links = known.map((base) => `[${base}](#${base.toLowerCase()})`).join(" and ");
  if (kind === "interface") {
    return `Beside these, what ${links} ${known.length === 1 ? "has" : "have"}.`;
  }
  const [, type = ""] = /^.* extends (.*?)(?: implements.*)?$/s.exec(signature) ?? [];
  return `Extends ${code(type)}: see ${links}.`;
}

function methodToMarkdown(owner: string, { name, kind, doc, signature }: Member): string {
  const title = kind === "constructor" ? `new ${owner}` : name;
  const shown = kind === "constructor" ? signature.replace(/^constructor/, title) : signature;
  return paragraphs([
    `#### ${owner}: ${code(`${title}()`)}`,
    fence(SIGNATURE, shown),
    doc.text,
    ...docParts(doc),
  ]);
}

function docParts({
  typeParams,
  params,
  returns,
  throws,
  defaultValue,
  examples,
}: Exported["doc"]): (string | undefined)[] {
  const named = [...typeParams, ...params].map(({ name, text }) => `- \`${name}\`: ${oneLine(text)}`);
  const byDefault = defaultValue && `Default: ${oneLine(defaultValue)}.`;
  return [
    named.length === 0 ? undefined : [named.join("\n"), byDefault && `. ${byDefault}`].join(""),
    returns && `Returns ${oneLine(returns)}.`,
    throws && `Throws ${oneLine(throws)}.`,
    named.length === 0 ? byDefault : undefined,
    ...examples,
  ];
}

function propertyTable(kind: Exported["kind"], properties: readonly Member[]): string {
  const optional = properties.some((property) => property.optional);
  const head = optional
    ? ["option", "type", "default", "meaning"]
    : [kind === "class" ? "property" : "field", "type", "meaning"];
  const rows = properties.map(({ name, type, optional: mayLack, doc }) => {
    const shown = mayLack ? type.replace(/ \| undefined$/, "") : type;
    const byDefault = mayLack ? (doc.defaultValue ?? "–") : "required";
    return [code(name), code(oneLine(shown)), ...(optional ? [oneLine(byDefault)] : []), oneLine(doc.text)];
  });
  return table(head, rows);
}

function typeToMarkdown({ name, doc, signature }: Exported): string {
  return paragraphs([`#### ${name}`, fence(SIGNATURE, signature), doc.text, ...docParts(doc)]);
}

function errorsToMarkdown(errors: readonly Exported[]): string {
  const rows = errors.map(({ name, doc, members }) => {
    const code_ = members.find((member) => member.name === "code");
    const own = members.filter(({ name: field, kind }) => kind === "property" && field !== "code");
    const fields = own.map((field) => `${code(field.name)}: ${oneLine(field.doc.text)}`.replace(/\.$/, ""));
    return [code(name), code(code_?.type.replaceAll('"', "") ?? ""), oneLine(doc.text), fields.join("; ")];
  });
  return table(["error", "`code`", "when", "it has"], rows);
}

function isError({ signature, extends: bases }: Exported): boolean {
  return (
    bases.includes("PoolmqError") ||
    signature.endsWith(" extends Error") ||
    /\bclass \w+Error$/.test(signature)
  );
}

function isSymbol({ name }: Member): boolean {
  return name.startsWith("[Symbol.");
}

function paragraphs(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join("\n\n");
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text.replaceAll(/<\n[^>]*\n\t*>/g, (list) => list.replaceAll(/,?\s+/g, (gap) => (gap.startsWith(",") ? ", " : " ")).replaceAll(/< | >/g, (edge) => edge.trim())).replaceAll("\n\t", "\n")}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Comments are wrapped; cells and list items are not. */
function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(/(?<!\.)\.$/, "");
}
