/**
 * What entries of a map's stream hold: the fields of each outcome, of which several share an entry, and of each entry of another
 * kind.
 */
export function outcomesIn(
  entries: readonly (readonly [id: string, fields: readonly string[]])[],
): string[][] {
  return entries.flatMap(([, fields]) => {
    const parts: string[][] = [];
    for (let place = 0; place < fields.length; place += 2) {
      const [name = "", value = ""] = fields.slice(place, place + 2);
      if (name === "i" || parts.length === 0) parts.push([]);
      parts.at(-1)?.push(name, value);
    }
    return parts;
  });
}
