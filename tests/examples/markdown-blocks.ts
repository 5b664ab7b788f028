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
export function fileNameOf(block: Block): string | undefined {
  return /^\/\/ ([\w-]+\.ts)$/m.exec(block.text.split("\n", 1)[0] ?? "")?.[1];
}

/** What the `console.log` lines of a program say that they print. */
export function commentedOutput(program: string): string {
  return [...program.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => `${line}\n`).join("");
}
