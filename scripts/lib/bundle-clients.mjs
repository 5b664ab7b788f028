import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { builtinModules, createRequire } from "node:module";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";
import { esmExternalRequirePlugin } from "rolldown/plugins";
import { ROOT } from "./places.mjs";

const SHARED = join(ROOT, "packages/shared");

/** The source that the copy stands for. */
export const CLIENTS = join(SHARED, "src/clients/clients.ts");

/** The copy, as `clients.ts` imports it: both are in `dist/parts`. */
const COPY = "./copied-clients.js";

const BUILT_IN = builtinModules.flatMap((name) => [name, `node:${name}`]);

/** Decides between the copy and what is installed. */
const INSTALLED_INSTEAD = join(SHARED, "src/clients/installed-instead.ts");

/**
 * Modules that poolmq hardly ever needs, and what is loaded in their place: they are loaded when something of them is used.
 *
 * - TLS takes a third as long to load as Node takes to start.
 * - `debug` looks for `supports-color`, which is no dependency of its own, to choose among more colours.
 * - BullMQ parses the schedules of repeated jobs with `cron-parser`. Half of the copy would be the `luxon` that it needs.
 */
const LATE = /** @type {Record<string, string>} */ ({
  tls: `module.exports = new Proxy({}, { get: (_, name) => process.getBuiltinModule("node:tls")[name] });`,
  "supports-color": "module.exports = {};",
  "cron-parser": `
import { createRequire } from "node:module";
export const CronExpressionParser = {
  parse(...args) {
    const bullmq = createRequire(import.meta.url).resolve("bullmq");
    return createRequire(bullmq)("cron-parser").CronExpressionParser.parse(...args);
  },
};`,
});

/**
 * @typedef {object} Manifest the part of a package.json that is read
 * @property {string} name
 * @property {string} version
 * @property {string} [module]
 * @property {Record<string, string>} [dependencies]
 *
 * @typedef {Manifest & { readonly folder: string, readonly neededBy: number }} Copied a package that is in the copy: `neededBy`
 *   is the index of the one that needs it, or -1 if poolmq does
 */

/**
 * Writes a copy of what poolmq uses of BullMQ and ioredis into `dist/parts`, with the licences of all that it is made of, and
 * gives the plugin by which the build of `@poolmq/shared` takes it in place of `clients.ts`.
 *
 * A process that uses Redis loads 218 files of these packages and of those that they need, which took more than half of the
 * processor time of its start. They stay dependencies: `installed-instead.ts` says when the installed ones are loaded.
 *
 * @param {string} dist
 * @returns {Promise<import("rolldown").Plugin>}
 */
export async function bundleClients(dist) {
  const source = readFileSync(CLIENTS, "utf8");
  const clients = [...source.matchAll(/^export \{([^}]+)\} from "(\w+)";/gm)].map(
    ([, names = "", from = ""]) => ({
      from,
      names: names
        .split(",")
        .map((name) => name.trim())
        .filter(Boolean),
    }),
  );
  const copied = await writeCopy(join(dist, "parts", COPY));
  return {
    name: "copied-clients",
    resolveId: (id) => (id === COPY ? { id, external: true } : undefined),
    load: (id) => (id === CLIENTS ? withCopy(clients, copied) : undefined),
  };
}

/**
 * The copy alone.
 *
 * @param {string} file
 */
async function writeCopy(file) {
  const bullmq = dirname(createRequire(CLIENTS).resolve("bullmq/package.json"));
  const bundle = await rolldown({
    platform: "node",
    input: CLIENTS,
    // Of its modules, unlike its CommonJS, one can tell what is not used.
    resolve: { alias: { bullmq: join(bullmq, manifestIn(bullmq).module ?? "") } },
    treeshake: { moduleSideEffects: false },
    // Else BullMQ would look for an ioredis, and so a `require` be made as said below. It is given connections.
    transform: { define: { "typeof require": '"undefined"' } },
    plugins: [
      {
        name: "late",
        resolveId: (id) => (id in LATE ? `\0late:${id}` : undefined),
        load: (id) => LATE[id.replace("\0late:", "")],
      },
      // They would be required otherwise, by a `require` for which a user's bundler into CommonJS has no `import.meta.url`.
      esmExternalRequirePlugin({ external: BUILT_IN.filter((name) => !(name in LATE)) }),
    ],
  });
  const { output } = await bundle.generate({ codeSplitting: false, comments: false });
  await bundle.close();
  const copied = packagesOf(output[0].moduleIds);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${licencesOf(copied)}\n${output[0].code}`);
  return copied;
}

/**
 * The packages that these files are of, each after the one that needs it.
 *
 * @param {readonly string[]} files
 * @returns {readonly Copied[]}
 */
function packagesOf(files) {
  const folders = new Set(
    files.flatMap((file) => /^.*\/node_modules\/(@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? []),
  );
  const manifests = new Map(
    [...folders].map((folder) => [manifestIn(folder).name, { folder, ...manifestIn(folder) }]),
  );
  if (manifests.size < folders.size)
    throw new Error(`A package has two versions in the copy: ${[...folders].join(", ")}`);
  const copied = ["bullmq", "ioredis"].map((name) => ({ ...found(name), neededBy: -1 }));
  for (let i = 0; i < copied.length; i += 1) {
    for (const name of Object.keys(copied[i]?.dependencies ?? {})) {
      if (manifests.has(name) && !copied.some((other) => other.name === name))
        copied.push({ ...found(name), neededBy: i });
    }
  }
  if (copied.length < manifests.size)
    throw new Error("Nothing needs one of these: " + [...manifests.keys()].join(", "));
  return copied;

  /** @param {string} name */
  function found(name) {
    const manifest = manifests.get(name);
    if (manifest === undefined) throw new Error(`Expected ${name} in the copy`);
    return manifest;
  }
}

/**
 * What `clients.ts` is in the build.
 *
 * @param {readonly { from: string, names: readonly string[] }[]} clients
 * @param {readonly Copied[]} copied
 */
function withCopy(clients, copied) {
  const versions = copied.map(({ name, version, neededBy }) =>
    neededBy < 0 ? [name, version] : [name, version, neededBy],
  );
  return [
    `import * as copy from ${JSON.stringify(COPY)};`,
    `import { installedInstead } from ${JSON.stringify(INSTALLED_INSTEAD)};`,
    `const installed = installedInstead(${JSON.stringify(versions)}, import.meta.url);`,
    ...clients.map(
      ({ from, names }) =>
        `export const { ${names.join(", ")} } = installed === undefined ? copy : installed("${from}");`,
    ),
  ].join("\n");
}

/**
 * The comment at the top of the copy. Bundlers keep one of this form.
 *
 * @param {readonly Copied[]} copied
 */
function licencesOf(copied) {
  /** @type {Map<string, string[]>} */
  const namesByText = new Map();
  for (const { name, version, folder } of copied) {
    const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
    if (file === undefined) throw new Error(`${name} has no licence in its folder`);
    const text = readFileSync(join(folder, file), "utf8").replaceAll("*/", "* /").trim();
    namesByText.set(text, [...(namesByText.get(text) ?? []), `${name} ${version}`]);
  }
  const texts = [...namesByText].map(([text, names]) => `${names.join(", ")}:\n\n${text}`);
  return `/*!\nThis file has parts of these packages.\n\n${texts.join("\n\n")}\n*/`;
}

/**
 * @param {string} folder
 * @returns {Manifest}
 */
function manifestIn(folder) {
  return /** @type {Manifest} */ (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
}
