import type { Readable } from "node:stream";

/**
 * Reads text line by line, including a last line without a newline. Keeps at most `maxChars` of a line; `cut` says how
 * many characters were left out.
 */
export function readLines(
  stream: Readable,
  maxChars: number,
  onLine: (line: string, cut: number) => void,
): void {
  let line = "";
  let cut = 0;
  const add = (text: string): void => {
    const room = maxChars - line.length;
    line += text.length <= room ? text : text.slice(0, room);
    cut += Math.max(0, text.length - room);
  };
  const end = (): void => {
    if (line !== "") onLine(line.endsWith("\r") ? line.slice(0, -1) : line, cut);
    line = "";
    cut = 0;
  };
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    let start = 0;
    for (;;) {
      const newline = text.indexOf("\n", start);
      if (newline === -1) break;
      add(text.slice(start, newline));
      end();
      start = newline + 1;
    }
    add(text.slice(start));
  });
  stream.on("end", end);
}
