import { userInfo } from "node:os";

/** Name of the user who runs this process, or the number: in a container, a user id may have no name. */
export function userName(otherwise: string): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? otherwise);
  }
}
