import { InvalidArgumentError } from "commander";

/** Reads the value of a flag. Which ones make sense is told where the options are checked. */
export function integer(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected an integer.");
}
