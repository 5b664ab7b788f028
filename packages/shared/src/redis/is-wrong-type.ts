/**
 * Whether a command was refused because a key holds another type of value, which somebody else wrote there. That does
 * not pass by itself. Redis 6.2 puts a prefix before errors within a script.
 */
export function isWrongType(error: unknown): boolean {
  return error instanceof Error && /\bWRONGTYPE\b/.test(error.message);
}
