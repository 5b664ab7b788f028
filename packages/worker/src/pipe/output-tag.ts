/**
 * Tags in what a child prints: they tell the supervisor whose text follows. Between two record separators, which no
 * program prints for people, stand the map's id and the item's index, or nothing.
 */

/** Matches a tag; its groups are the map's id and the item's index. */
// oxlint-disable-next-line no-control-regex -- that no program prints it is the point
export const TAG: RegExp = /\u001E([\w-]*) ?(\d*)\u001E/;

/** Makes the tag of an item; that of no item without one. */
export function tagOf(item: { readonly mapId: string; readonly index: number } | undefined): string {
  return item === undefined ? "\u001E\u001E" : `\u001E${item.mapId} ${item.index}\u001E`;
}
