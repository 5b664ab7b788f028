/**
 * Tells that a command was refused because something else has taken a key of ours: what is there now will not go away by
 * itself. Redis 6.2 wraps what happens within a script.
 */
export function isWrongType(error: unknown): boolean {
  return error instanceof Error && /\bWRONGTYPE\b/.test(error.message);
}
