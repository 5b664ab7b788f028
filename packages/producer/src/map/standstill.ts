/** Why a map of a closed pool does not come to its end by itself. */

/** What a map waits for that may never come. */
export interface Standstill {
  /** Why, as a clause for a message. */
  readonly reason: string;
  /** What to do about it, as a sentence without its full stop. */
  readonly advice: string;
  /** Whether the wait has taken so long that the map is to be ended. */
  readonly isOver: boolean;
}

/** Nobody reads the stream. */
export const UNREAD: Standstill = {
  reason: "nobody read the stream",
  advice: "Read a stream to its end, or leave it by return()",
  isOver: true,
};

/** An input that has given nothing for this long, in ms, is told of. A map that nobody waits for is ended then. */
const TOLD_MS = 5_000;

/** After this long, in ms, a map is ended even if somebody waits for its results. */
const ENDED_MS = 30_000;

/**
 * Gives the standstill of a map whose input gives no further item.
 *
 * @param isLookedAt - whether somebody waits for the results. @param isSilent - whether the input has been silent so long
 */
export function silentInput(
  isLookedAt: boolean,
  isSilent: (graceMs: number) => boolean,
): Standstill | undefined {
  if (!isSilent(TOLD_MS)) return undefined;
  return {
    reason: "its input gives no further item",
    advice: "End the input, cancel() the map, or end the pool by terminate()",
    isOver: !isLookedAt || isSilent(ENDED_MS),
  };
}
