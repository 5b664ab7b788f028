/**
 * What a child writes to the pipe on which its work comes, when its messages are to be read at once although they were to
 * wait: it has begun the last run that it has, or its messages are large. Nothing else may come on that pipe.
 */

export const BELL = "!";

const RING = BELL.charCodeAt(0);

/** Whether these bytes are rings of the bell, and nothing else. */
export function isBell(data: Buffer): boolean {
  return data.every((byte) => byte === RING);
}
