/** Watches the source files of a folder and its subfolders, packages left out. For development only. */

import { readdirSync, statSync, watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { join, relative } from "node:path";

/** What a module may import. Not `.json`: tasks often write such files beside their module. */
const SOURCE = /\.[cm]?[jt]sx?$/;
const IGNORED_FOLDER = /^(node_modules|\..*)$/;

/** How long to wait after a change, in ms: an editor or a compiler changes several files, or one file several times. */
const QUIET_MS = 100;

/** The most folders that are watched, because each takes one of the system's limited handles. */
const MAX_FOLDERS = 2_000;

export class SourceWatcher {
  readonly #root: string;
  readonly #folders = new Map<string, FSWatcher>();
  /** By path: what tells versions of the file apart (time and size). */
  #files = new Map<string, string>();
  readonly #changed = new Set<string>();
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(root: string) {
    this.#root = root;
    this.#files = this.#scan();
  }

  /** Waits until files have changed since the last call, and gives their names; none once the watcher is closed. */
  async changed(): Promise<string[]> {
    if (this.#changed.size === 0 && !this.#closed) await new Promise<void>((wake) => (this.#wake = wake));
    const names = [...this.#changed];
    this.#changed.clear();
    return names;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
    this.#wake?.();
  }

  /** A folder's event says only that something happened in it, and not reliably what. So look at all files. */
  readonly #lookSoon = (): void => {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(this.#look, QUIET_MS);
  };

  readonly #look = (): void => {
    const before = this.#files;
    this.#files = this.#scan();
    for (const path of new Set([...before.keys(), ...this.#files.keys()])) {
      if (before.get(path) !== this.#files.get(path)) this.#changed.add(relative(this.#root, path));
    }
    if (this.#changed.size > 0) this.#wake?.();
  };

  #scan(): Map<string, string> {
    const files = new Map<string, string>();
    const folders = [this.#root];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      if (!this.#watch(folder)) continue;
      try {
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
          const path = join(folder, entry.name);
          if (entry.isDirectory()) {
            if (!IGNORED_FOLDER.test(entry.name)) folders.push(path);
          } else if (SOURCE.test(entry.name)) {
            const { mtimeMs, size, ino } = statSync(path);
            files.set(path, `${mtimeMs} ${size} ${ino}`);
          }
        }
      } catch {
        // Removed meanwhile; its parent folder has an event of its own.
      }
    }
    return files;
  }

  #watch(folder: string): boolean {
    if (this.#folders.has(folder)) return true;
    if (this.#folders.size >= MAX_FOLDERS) return false;
    try {
      const watcher = watch(folder, this.#lookSoon);
      watcher.on("error", () => this.#unwatch(folder));
      this.#folders.set(folder, watcher);
      return true;
    } catch {
      return false; // it was removed meanwhile
    }
  }

  #unwatch(folder: string): void {
    this.#folders.get(folder)?.close();
    this.#folders.delete(folder);
    this.#lookSoon();
  }
}
