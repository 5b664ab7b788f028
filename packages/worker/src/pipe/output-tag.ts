/**
 * Tags in what a child prints: they tell the supervisor whose text follows. Between two record separators, which no
 * program prints for people, stand the map's id, the item's index and the task's name, or nothing.
 */

/** Matches a tag; its groups are the map's id, the item's index and the task's name. */
// oxlint-disable-next-line no-control-regex -- that no program prints it is the point
export const TAG: RegExp = /\u001E([\w-]*) ?(\d*) ?([^\u001E]*)\u001E/;

/** Makes the tag of an item; that of no item without one. */
export function tagOf(item: TaggedItem | undefined): string {
  if (item === undefined) return "\u001E\u001E";
  // A module may export a task by any name, which must not end the tag.
  return `\u001E${item.mapId} ${item.index} ${item.task.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ")}\u001E`;
}

interface TaggedItem {
  readonly mapId: string;
  readonly index: number;
  readonly task: string;
}
