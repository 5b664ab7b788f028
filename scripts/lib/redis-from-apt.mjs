import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { cachedFolder } from "./cached-folder.mjs";
import { fetchStep } from "./fetch-step.mjs";
import { run } from "./run.mjs";
import { say } from "./say.mjs";
import { SetupError } from "./setup-error.mjs";

/**
 * Unpacks a Redis server from the distribution's packages into the cache. Nothing is installed, so no rights are needed,
 * and no service is started. Gives the folder to put on PATH.
 *
 *   .cache/redis/bin/redis-server    wrapper: sets the library path for the server alone, then becomes it
 *   .cache/redis/root/               the packages' files
 */
export async function redisFromApt() {
  const folder = await cachedFolder("redis", async (temporary) => {
    say("fetching a Redis server from the distribution's packages (unpacked here, not installed)");
    await unpackPackages(temporary);
    await writeWrapper(temporary);
  });
  return `${folder}/bin`;
}

/** @param {string} folder */
async function unpackPackages(folder) {
  const apt = `${folder}/apt`;
  const options = [
    `Dir::State=${apt}/state`,
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    // Packages that are installed already need not be fetched.
    "Dir::State::status=/var/lib/dpkg/status",
    // When it runs as root, apt changes to a user that may not write here.
    "APT::Sandbox::User=root",
    "APT::Get::List-Cleanup=false",
  ].flatMap((option) => ["-o", option]);
  for (const name of ["state", "lists/partial", "cache/archives/partial", "debs"]) {
    await mkdir(`${apt}/${name}`, { recursive: true });
  }
  const what = "a Redis server";
  await fetchStep(what, "apt-get", [...options, "-q", "update"]);
  const packages = await missingPackages(options);
  await fetchStep(what, "apt-get", [...options, "-q", "download", ...packages], { cwd: `${apt}/debs` });
  for (const deb of await readdir(`${apt}/debs`)) {
    await fetchStep(what, "dpkg-deb", ["--extract", `${apt}/debs/${deb}`, `${folder}/root`]);
  }
  await rm(apt, { recursive: true });
}

/**
 * The server's package and the packages that it needs and this machine lacks, as apt itself resolves them. The package of
 * tools is always added, even if it is installed, because the server's file is a link to a file of that package.
 *
 * @param {readonly string[]} options
 */
async function missingPackages(options) {
  for (const name of ["redis", "valkey"]) {
    const { code, output } = await run(
      "apt-get",
      [...options, "--simulate", "--no-install-recommends", "install", `${name}-server`],
      { quiet: true },
    );
    const packages = [...output.matchAll(/^Inst (\S+)/gm)].map(([, found]) => String(found));
    if (code === 0 && packages.length > 0) return [...new Set([...packages, `${name}-tools`])];
  }
  throw new SetupError("the distribution's packages hold neither redis-server nor valkey-server");
}

/** @param {string} folder */
async function writeWrapper(folder) {
  const bin = await readdir(`${folder}/root/usr/bin`);
  const server = ["redis-server", "valkey-server"].find((name) => bin.includes(name));
  if (server === undefined) throw new SetupError("the distribution's package brought no Redis server");
  const libraries = (await libraryFolders(folder)).map((path) => `$root/${path}`).join(":");
  const wrapper = `${folder}/bin/${server}`;
  await mkdir(`${folder}/bin`);
  await writeFile(
    wrapper,
    `#!/bin/sh
root=$(cd "\${0%/*}/../root" && pwd)
LD_LIBRARY_PATH="${libraries}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$root/usr/bin/${server}" "$@"
`,
  );
  await chmod(wrapper, 0o755);
  const { code, output } = await run(wrapper, ["--version"], { quiet: true });
  if (code !== 0) throw new SetupError(`the unpacked ${server} does not start:\n${output}`);
}

/** @param {string} folder @returns {Promise<string[]>} folders of the unpacked packages that hold shared libraries */
async function libraryFolders(folder) {
  const root = `${folder}/root`;
  const files = await readdir(root, { recursive: true });
  return [
    ...new Set(files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => file.replace(/\/[^/]*$/, ""))),
  ];
}
