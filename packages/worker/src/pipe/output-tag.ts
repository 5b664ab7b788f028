/**
 * Tags in what a child prints tell the supervisor which item's text follows. A tag is two record separators, which
 * programs do not print for people, and between them the map's id, the item's index and the task's name, or nothing.
 */

/** Matches a tag; its groups are the map's id, the item's index and the task's name. */
// oxlint-disable-next-line no-control-regex -- that no program prints it is the point
export const TAG: RegExp = /\u001E([\w-]*) ?(\d*) ?([^\u001E]*)\u001E/;

/** Makes the tag of an item, or without one the empty tag. */
export function tagOf(item: TaggedItem | undefined): string {
  if (item === undefined) return "\u001E\u001E";
  // A module may export a task under any name, which must not end the tag.
  return `\u001E${item.mapId} ${item.index} ${item.task.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ")}\u001E`;
}

interface TaggedItem {
  readonly mapId: string;
  readonly index: number;
  readonly task: string;
}
