/**
 * What entries of a map's stream hold: the fields of each outcome, of which several share an entry, with a line in each field,
 * and of each entry of another kind.
 */
export function outcomesIn(
  entries: readonly (readonly [id: string, fields: readonly string[]])[],
): string[][] {
  return entries.flatMap(([, fields]) => {
    const count = fields[0] === "i" ? (fields[1] ?? "").split("\n").length : 1;
    if (count === 1) return [[...fields]];
    const columns = fields.map((field, place) =>
      place % 2 === 0 ? Array<string>(count).fill(field) : field.split("\n"),
    );
    return Array.from({ length: count }, (_, n) => columns.map((column) => column[n] ?? ""));
  });
}
