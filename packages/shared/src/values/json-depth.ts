/** Measures how deep JSON text is nested before anything is made of it. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** True if JSON text, valid or not, opens more brackets inside one another than `maxDepth`. */
export function isDeeper(json: string, maxDepth: number): boolean {
  // Each level takes two characters, and most texts have fewer brackets than levels are allowed: `indexOf` is many
  // times faster than looking at each character.
  if (json.length <= maxDepth * 2 || !hasMoreBrackets(json, maxDepth)) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(json, at);
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      if (++depth > maxDepth) return true;
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--;
  }
  return false;
}

function hasMoreBrackets(json: string, count: number): boolean {
  let left = count;
  for (const bracket of "[{") {
    for (let at = json.indexOf(bracket); at !== -1; at = json.indexOf(bracket, at + 1)) {
      if (--left < 0) return true;
    }
  }
  return false;
}

/** Index of the quote that ends the string whose opening quote is at `start`. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return json.length;
}
