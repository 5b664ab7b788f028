/** Stores a failed item of a pool in memory in a file, because there is no Redis from which it could be read later. */

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";

import { InvalidOptionError } from "@poolmq/shared";
import { userName } from "@poolmq/shared/internal";

import type { ReplayOrder } from "./replay-item.ts";

type Kept = Pick<ReplayOrder, "item" | "module">;

/** The first line of every file in this format. */
const MARK = "poolmq replay 1\n";
/** The end of a file's name, by which a path is told from the id of a map. */
export const REPLAY_EXTENSION = ".replay";

/** The most files of a user that are kept, those that were written last. */
const MAX_FILES = 100;

/**
 * Writes an item to a file of its own, which only this user can read.
 *
 * @returns the file's path
 */
export function writeReplayFile(kept: Kept): string {
  const folder = join(tmpdir(), `poolmq-${userName("user")}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { mapId, index } = kept.item;
  const path = join(folder, `${mapId}-${index}${REPLAY_EXTENSION}`);
  writeFileSync(path, Buffer.concat([Buffer.from(MARK), serialize(kept)]), { mode: 0o600 });
  removeOldest(folder);
  return path;
}

/** @throws InvalidOptionError if it can't be read, or is not such a file */
export function readReplayFile(path: string): Kept {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new InvalidOptionError(`Expected the path of a file that can be read, got ${path} (${reason})`);
  }
  if (bytes.toString("latin1", 0, MARK.length) !== MARK) {
    throw new InvalidOptionError(`Expected a file that a call with \`keepFailed\` wrote, got ${path}`);
  }
  return deserialize(bytes.subarray(MARK.length)) as Kept;
}

function removeOldest(folder: string): void {
  const files = readdirSync(folder).filter((file) => file.endsWith(REPLAY_EXTENSION));
  if (files.length <= MAX_FILES) return;
  const byAge = files
    .map((file) => join(folder, file))
    .map((path) => ({ path, at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => a.at - b.at);
  for (const { path } of byAge.slice(0, -MAX_FILES)) rmSync(path, { force: true });
}
