/** Says what could not be set up, and what to do about it. It is printed without a stack. */
export class SetupError extends Error {
  /** @override */
  name = "SetupError";
}
