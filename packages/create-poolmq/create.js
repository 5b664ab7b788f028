#!/usr/bin/env node
/** `npm create poolmq [folder]`: writes a project that runs. */

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const TEMPLATE = fileURLToPath(new URL("./template/", import.meta.url));
/** npm leaves a .gitignore out of packages, and takes a package.json for one of its own. */
const NAMES = { _dockerignore: ".dockerignore", _gitignore: ".gitignore", "_package.json": "package.json" };
const { version } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8"));

const [folder = "poolmq-app", ...others] = process.argv.slice(2);
if (folder.startsWith("-") || others.length > 0) {
  const wrong = folder !== "-h" && folder !== "--help";
  console[wrong ? "error" : "log"]("Usage: npm create poolmq [folder]");
  process.exit(wrong ? 2 : 0);
}

const target = resolve(folder);
const problem = problemOf(target);
if (problem !== undefined) {
  console.error(`create-poolmq: ${target} is ${problem}: give the name of a new folder`);
  process.exit(1);
}

mkdirSync(target, { recursive: true });
for (const file of readdirSync(TEMPLATE)) {
  copyFileSync(join(TEMPLATE, file), join(target, NAMES[file] ?? file));
}
const manifest = join(target, "package.json");
const name = basename(target)
  .toLowerCase()
  .replaceAll(/[^a-z0-9._-]/g, "-")
  .replace(/^[._-]+/, "");
writeFileSync(
  manifest,
  readFileSync(manifest, "utf8")
    .replace("APP_NAME", name || "poolmq-app")
    .replace("POOLMQ_VERSION", `^${version}`),
);

console.log(`Written to ${target}. Next:
${target === process.cwd() ? "" : `\n  cd ${quoted(folder)}`}
  npm install
  npm start`);
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.log(
    `\nThis is Node ${process.versions.node}. The project needs 22.18 or newer, which runs TypeScript as it is.`,
  );
}

/** Why a project can't be written there, if it can't. */
function problemOf(path) {
  if (!existsSync(path)) return undefined;
  if (!statSync(path).isDirectory()) return "a file";
  // A repository that was just made or cloned is the usual place of a new project.
  return readdirSync(path).every((name) => name === ".git") ? undefined : "not empty";
}

/** The text as one word of a shell. */
function quoted(text) {
  return /[^\w./~-]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : text;
}
