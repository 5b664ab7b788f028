/** A fenced block of code of a Markdown page. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** Gives the fenced blocks of a page, in order. */
export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({
    language,
    text,
  }));
}

/** The name of the file that a block shows: its first line is `// name.ts`. */
function fileNameOf(block: Block): string | undefined {
  return /^\/\/ ([\w-]+\.ts)$/m.exec(block.text.split("\n", 1)[0] ?? "")?.[1];
}

/** The TypeScript of a page: the files that it names, by name, and the snippets that it does not name. */
export function programsOf(blocks: readonly Block[]): {
  readonly files: Readonly<Record<string, string>>;
  readonly snippets: readonly string[];
} {
  const files: Record<string, string> = {};
  const snippets: string[] = [];
  for (const block of blocks) {
    if (block.language !== "ts") continue;
    const name = fileNameOf(block);
    if (name === undefined) snippets.push(block.text);
    else files[name] = block.text;
  }
  return { files, snippets };
}

/** What the comments of a program say that it prints: `console.log(…); // this`, or `// prints this`. */
export function commentedOutput(program: string): string {
  return [...program.matchAll(/^ *(?:console\.log\(.*\); \/\/ |(?:\S.*; )?\/\/ prints )(.*)$/gm)]
    .map(([, line]) => `${line}\n`)
    .join("");
}

const IMPORT = /^import .*;\n/gm;

/**
 * Makes one program of a page's snippets, each in a block of its own after the lines that they all go on from: to start
 * a pool for each of them would take longer than to run them.
 */
export function inOneProgram(setup: string, snippets: readonly string[]): string {
  const all = [setup, ...snippets];
  const imports = new Set(all.flatMap((text) => text.match(IMPORT) ?? []));
  const [start = "", ...bodies] = all.map((text) => text.replaceAll(IMPORT, ""));
  return [...imports, start, ...bodies.map((body) => `console.log("${MARK}");\n{\n${body}}\n`)].join("");
}

/** Takes the output of such a program apart again: what each snippet printed. */
export function outputsOf(output: string): string[] {
  return output.split(`${MARK}\n`).slice(1);
}

const MARK = "── the next snippet ──";
