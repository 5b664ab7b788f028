import { cut } from "./format.ts";
import { paint } from "./paint.ts";
import type { Style } from "./paint.ts";

/**
 * Joins the pieces of a line and cuts it to `width` characters. It is cut before it is painted, because the characters that
 * set colours take no room on the screen.
 */
export function cutLine(
  width: number,
  ...pieces: readonly (readonly [text: string, style?: Style])[]
): string {
  let rest = cut(pieces.map(([text]) => text).join(""), width);
  const shown = pieces.map(([text, style]) => {
    const piece = rest.slice(0, text.length);
    rest = rest.slice(text.length);
    return style === undefined || piece === "" ? piece : paint(style, piece);
  });
  return shown.join("");
}
