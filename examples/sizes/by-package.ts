import type { FoundFile } from "./find-files.ts";
import { packageOf } from "./package-of.ts";
import type { PackageSizes } from "./package-table.ts";
import type { FileSizes } from "./tasks.ts";

/** Adds up the sizes of each package's files. Files that could not be read are left out. */
export function byPackage(
  root: string,
  files: readonly FoundFile[],
  results: readonly FileSizes[],
): PackageSizes[] {
  const packages = new Map<string, PackageSizes>();
  for (const [index, { path }] of files.entries()) {
    const result = results[index];
    if (result === undefined || "unreadable" in result) continue;
    const name = packageOf(root, path);
    const before = packages.get(name) ?? { name, files: 0, bytes: 0, gzip: 0, brotli: 0 };
    packages.set(name, {
      name,
      files: before.files + 1,
      bytes: before.bytes + result.bytes,
      gzip: before.gzip + result.gzip,
      brotli: before.brotli + result.brotli,
    });
  }
  return [...packages.values()];
}
