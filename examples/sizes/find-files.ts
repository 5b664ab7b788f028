import { lstatSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";

export interface FoundFile {
  readonly path: string;
  /** Size of the file when it was found. */
  readonly bytes: number;
}

export interface FoundFiles {
  /** The folder, with links resolved. */
  readonly root: string;
  /** The largest first. */
  readonly files: readonly FoundFile[];
  /** Folders and files that could not be looked at. */
  readonly unreadable: readonly string[];
}

/**
 * Finds every file under a folder, each once: links are not followed, because in a `node_modules` of pnpm they lead
 * to files that lie there as well.
 *
 * @throws Error that says why, if the folder itself can't be read
 */
export function findFiles(folder: string): FoundFiles {
  const files: FoundFile[] = [];
  const unreadable: string[] = [];
  const root = rootOf(folder);
  const folders = [root];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    try {
      for (const entry of readdirSync(at, { withFileTypes: true })) {
        const path = join(at, entry.name);
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile()) files.push({ path, bytes: lstatSync(path).size });
      }
    } catch (error) {
      if (at === root) throw cannotRead(folder, error);
      unreadable.push(at);
    }
  }
  // The largest files come first: if one started last, it would keep one process busy while the others are idle.
  files.sort((a, b) => b.bytes - a.bytes);
  return { root, files, unreadable };
}

function rootOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (error) {
    throw cannotRead(folder, error);
  }
}

function cannotRead(folder: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return new Error(`There is no folder ${folder}`, { cause });
  if (code === "ENOTDIR") return new Error(`${folder} is not a folder`, { cause });
  return new Error(`The folder ${folder} can't be read: ${message}`, { cause });
}
