import { relative, sep } from "node:path";

/**
 * Names the package that a file belongs to: what follows the last `node_modules` of its path. For a file outside of all
 * packages, it is the folder below `root`.
 */
export function packageOf(root: string, path: string): string {
  const parts = path.split(sep);
  const [first = "", second = ""] = parts.slice(parts.lastIndexOf("node_modules") + 1);
  if (parts.includes("node_modules")) return first.startsWith("@") ? `${first}/${second}` : first;
  const below = relative(root, path).split(sep);
  return below.length === 1 ? "./" : `${below[0] ?? ""}/`;
}
