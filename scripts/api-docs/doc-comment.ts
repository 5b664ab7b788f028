/** The parts of a doc comment. */
export interface DocComment {
  /** The text before the first tag. */
  readonly text: string;
  readonly params: readonly { readonly name: string; readonly text: string }[];
  readonly typeParams: readonly { readonly name: string; readonly text: string }[];
  readonly returns: string | undefined;
  readonly throws: string | undefined;
  readonly defaultValue: string | undefined;
  /** With their fences. */
  readonly examples: readonly string[];
}

const TAG = /(?:^|\s)@(param|typeParam|returns|throws|defaultValue|example)\b[ \t]*/;

/** Reads the text between the marks of a comment, as the parser gives it: `* A sentence. @throws SomeError`. */
export function readDocComment(comment: string): DocComment {
  const text = comment.replaceAll(/^[ \t]*\* ?/gm, "").trim();
  // With a capture, `split` gives text and tags in turns: text, tag, text, tag, text.
  const [first = "", ...rest] = text.split(new RegExp(TAG, "m"));
  const tagged = (wanted: string): string[] =>
    rest.flatMap((tag, i) => (i % 2 === 0 && tag === wanted ? [(rest[i + 1] ?? "").trim()] : []));
  return {
    text: first.trim(),
    params: tagged("param").map(readNamed),
    typeParams: tagged("typeParam").map(readNamed),
    returns: tagged("returns")[0],
    throws: tagged("throws")[0],
    defaultValue: tagged("defaultValue")[0],
    examples: tagged("example"),
  };
}

function readNamed(text: string): { readonly name: string; readonly text: string } {
  const [, name = "", rest = ""] = /^(\w+)\s+-\s+([\s\S]*)$/.exec(text) ?? [];
  return { name, text: rest };
}
