/**
 * The site of the documentation. Its pages are the README and docs/, as they are: this file only orders them in the
 * sidebar, and turns links to other files of the repository into links to GitHub.
 */

import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

import { defineConfig } from "vitepress";

const ROOT = new URL("../../", import.meta.url);
const { version, repository } = JSON.parse(
  readFileSync(new URL("packages/poolmq/package.json", ROOT), "utf8"),
) as { readonly version: string; readonly repository: { readonly url: string } };
const REPOSITORY = repository.url.replace(/^git\+|\.git$/g, "");

/** Where the site is served: `/`, or a folder of it, such as that of one version. */
const BASE = process.env["SITE_BASE"] ?? "/";

/** The sidebar is the list of docs/README.md. */
function sidebar(): { text: string; items: { text: string; link: string }[] }[] {
  const [, ...parts] = readFileSync(new URL("docs/README.md", ROOT), "utf8").split(/^## /m);
  return parts.map((part) => {
    const [text = "", ...lines] = part.split("\n");
    const links = lines.flatMap((line) => [...line.matchAll(/\[([^\]]+)\]\(([^)#]+\.md)\)/g)]);
    const items = links.map(([, name = "", path = ""]) => ({
      text: name === "README" ? "What it is" : name.charAt(0).toUpperCase() + name.slice(1),
      link: target(path, "docs/README.md"),
    }));
    return { text, items };
  });
}

/** Gives the target of a page's link on the site. */
function target(href: string, page: string): string {
  if (/^(?:[a-z]+:|#|\/)/i.test(href)) return href;
  const [path = "", anchor] = href.split("#");
  const file = posix.normalize(posix.join(posix.dirname(page), path));
  const hash = anchor === undefined ? "" : `#${anchor}`;
  if (file === "README.md") return `/${hash}`;
  if (file === "docs/README.md") return `/docs/${hash}`;
  if (/^(?:docs\/.*|CHANGELOG)\.md$/.test(file)) return `/${file.replace(/\.md$/, "")}${hash}`;
  if (!existsSync(new URL(file, ROOT))) throw new Error(`${page} links to ${href}, which is not there`);
  return `${REPOSITORY}/blob/main/${file}${hash}`;
}

export default defineConfig({
  srcDir: "..",
  // All other folders, and the other files beside the README.
  srcExclude: ["!(docs)/**/*", "!(README|CHANGELOG).md"],
  rewrites: { "README.md": "index.md", "docs/README.md": "docs/index.md" },
  outDir: "dist",
  cacheDir: ".cache",
  base: BASE,
  title: "poolmq",
  description:
    "The parallel map of Python's multiprocessing.Pool, for Node and TypeScript, on one machine or many",
  cleanUrls: true,
  // VitePress looks for the pages by their names before the rewrites.
  ignoreDeadLinks: [/^\/(?:docs\/)?index$/],
  lastUpdated: false,
  markdown: {
    config(md) {
      md.core.ruler.push("repository-links", ({ tokens, env }) => {
        const { path } = env as { readonly path: string };
        const page = posix.relative(fileURLToPath(ROOT).replace(/\/$/, ""), path);
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.type === "link_open" ? token.attrGet("href") : null;
          if (href !== null) token.attrSet("href", target(href, page));
        }
      });
    },
  },
  vite: {
    // The pages are outside of this folder, so its modules must be resolved explicitly.
    resolve: {
      alias: {
        "vue/server-renderer": fileURLToPath(import.meta.resolve("vue/server-renderer")),
        vue: fileURLToPath(import.meta.resolve("vue/dist/vue.runtime.esm-bundler.js")),
      },
    },
  },
  themeConfig: {
    search: { provider: "local" },
    sidebar: sidebar(),
    outline: [2, 3],
    nav: [
      { text: "Tutorial", link: "/docs/tutorial" },
      { text: "Guide", link: "/docs/guide" },
      { text: "API", link: "/docs/api" },
      { text: "Batch tasks", link: "/docs/batches" },
      { text: "Folding results", link: "/docs/map-reduce" },
      { text: "Recipes", link: "/docs/recipes" },
      {
        text: `v${version}`,
        items: [
          { text: "Changes", link: "/CHANGELOG" },
          { text: "Docs of other versions", link: `${REPOSITORY}/tags` },
        ],
      },
    ],
    socialLinks: [{ icon: "github", link: REPOSITORY }],
    footer: { message: "MIT licence" },
  },
});
