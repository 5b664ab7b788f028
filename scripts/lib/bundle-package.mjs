import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { rolldown } from "rolldown";
import { bundleClients, CLIENTS } from "./bundle-clients.mjs";
import { ROOT } from "./places.mjs";

/**
 * Files that are no door of a package, but are started as a process or a thread (`besideThis`), by the package's folder.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const STARTED = {
  worker: ["child/main", "child/guard", "child/thread-main", "local/local-main", "replay/replay-main"],
};

/** The files in which functions of the user's are called, and which `user-frames.ts` knows in a stack. */
const CALLERS = ["item/run-item.ts", "item/result-fold.ts", "batch/batch.ts"];

/**
 * @typedef {object} Manifest the part of a package.json that is read
 * @property {Record<string, string | { default: string }>} exports
 * @property {Record<string, string>} [bin]
 */

/**
 * Writes the JavaScript of a package's `dist`, with its files joined into a few: a process takes a third of a millisecond
 * to load a file, and a worker machine loaded 200 of ours. Other packages stay outside, those of poolmq among them: so
 * each class exists once, and an update of a dependency needs no new version of poolmq. Of BullMQ and ioredis there is a copy
 * besides (`bundle-clients.mjs`).
 *
 * Files that the same entries need are joined, in `dist/parts`: a file that looks for others by `import.meta.url` finds them
 * from there as from its own folder in `src`. Files that call functions of the user's are joined apart from all others
 * (`user-frames.ts`); so what they import has parts of its own, or else parts would import each other.
 *
 * @param {string} name its folder in `packages`
 * @param {string} [dist] another folder to write to
 */
export async function bundlePackage(name, dist = join(ROOT, "packages", name, "dist")) {
  const folder = join(ROOT, "packages", name);
  const entries = entriesOf(name);
  const sources = new Map(entries.map((entry) => [join(folder, "src", `${entry}.ts`), entry]));

  const callers = new Set(CALLERS.map((file) => join(folder, "src", file)));
  /** @type {ReadonlySet<string> | undefined} */
  let belowCallers;

  const bundle = await rolldown({
    platform: "node",
    input: Object.fromEntries([...sources].map(([file, entry]) => [entry, file])),
    external: isExternal,
    plugins: name === "shared" ? [await bundleClients(dist)] : [],
    // A condition of the groups below. Nothing is added to a door by it, since no chunk imports one.
    preserveEntrySignatures: "allow-extension",
  });
  const { output } = await bundle.write({
    dir: dist,
    sourcemap: true,
    // The sources are published beside it.
    sourcemapExcludeSources: true,
    // As seen from the package's own `dist`, wherever the files are written.
    sourcemapPathTransform: (source, map) =>
      relative(dirname(join(folder, "dist", relative(dist, map))), resolve(dirname(map), source)),
    entryFileNames: "[name].js",
    // Rolldown adds the names of the entries that need a part, which can be twenty, or else a number.
    chunkFileNames: ({ name }) => `parts/${name.replace(/~.*/, "")}.js`,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        {
          debugName: "parts",
          test: (id) => !sources.has(id),
          name: (id, context) => {
            if (callers.has(id)) return "calls-user-code";
            belowCallers ??= importedBy(callers, (file) => context.getModuleInfo(file));
            return belowCallers.has(id) ? "base" : "part";
          },
          entriesAware: true,
        },
      ],
    },
  });
  await bundle.close();
  checkOneWay(output);
}

/**
 * @param {string} id
 * @param {string | undefined} importer
 */
function isExternal(id, importer) {
  if (/^(bullmq|ioredis)$/.test(id))
    throw new Error(`${importer} imports ${id}: take from ${CLIENTS} what is no type`);
  return !/^[./]/.test(id);
}

/**
 * The files, without extension, by which a package is entered: each has its own place in `src` and in `dist`.
 *
 * @param {string} name its folder in `packages`
 */
export function entriesOf(name) {
  const path = join(ROOT, "packages", name, "package.json");
  const manifest = /** @type {Manifest} */ (JSON.parse(readFileSync(path, "utf8")));
  return [...new Set([...doorsOf(manifest), ...(STARTED[name] ?? [])])];
}

/**
 * The sources, without extension, behind the package's exports and commands.
 *
 * @param {Manifest} manifest
 */
function doorsOf({ exports, bin = {} }) {
  const doors = Object.values(exports).map((door) => (typeof door === "string" ? door : door.default));
  return [...doors, ...Object.values(bin)]
    .filter((file) => file.endsWith(".js"))
    .map((file) => file.replace(/^(\.\/)?dist\//, "").slice(0, -".js".length));
}

/**
 * All that these modules import, and what that imports.
 *
 * @param {ReadonlySet<string>} modules
 * @param {(id: string) => { readonly importedIds: readonly string[] } | null} infoOf
 */
function importedBy(modules, infoOf) {
  /** @type {Set<string>} */
  const found = new Set();
  const waiting = [...modules];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const next of infoOf(id)?.importedIds ?? []) {
      if (!found.has(next)) waiting.push(next);
      found.add(next);
    }
  }
  return found;
}

/**
 * Refuses chunks that import each other: the one that is evaluated first would find the other's classes undefined.
 *
 * @param {readonly import("rolldown").OutputChunk[] | readonly object[]} output
 */
function checkOneWay(output) {
  /** @type {Map<string, readonly string[]>} */
  const imports = new Map();
  for (const file of /** @type {readonly import("rolldown").OutputChunk[]} */ (output)) {
    if (file.type === "chunk") imports.set(file.fileName, file.imports);
  }
  /** @type {Set<string>} */
  const sound = new Set();
  /** @param {string} file @param {readonly string[]} path */
  const visit = (file, path) => {
    if (path.includes(file)) throw new Error(`Chunks import each other: ${[...path, file].join(" → ")}`);
    if (sound.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    sound.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
}
