/** What could not be set up, and what to do about it: printed without a stack. */
export class SetupError extends Error {
  /** @override */
  name = "SetupError";
}
