/** Finds the installed browser for the tests of a run. */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

import type { TestProject } from "vitest/node";

/** Debian's name, Ubuntu's and Fedora's, and Google's. */
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

export interface BrowserRun {
  readonly executablePath: string;
}

/** Why there is no browser. The tests that need none still run, so this must not end the run. */
export interface NoBrowser {
  readonly reason: string;
  /** Whether it is no failure that none is installed. */
  readonly skip: boolean;
}

declare module "vitest" {
  interface ProvidedContext {
    browser: BrowserRun | NoBrowser;
  }
}

/** Called by Vitest before the first test file. */
export function setup(project: TestProject): void {
  const executablePath = installed();
  if (executablePath !== undefined) {
    project.provide("browser", { executablePath });
    return;
  }
  const reason = `none of ${PROGRAMS.join(", ")} is installed`;
  const skip = process.env["CI"] !== "true";
  console.warn(
    `\n\n  NO BROWSER TESTS: ${reason}\n  ` +
      (skip
        ? "Install Chromium, and run: npm test -- --project browser\n"
        : "With CI=true that is a failure.\n"),
  );
  project.provide("browser", { reason, skip });
}

function installed(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const files = PROGRAMS.flatMap((program) => folders.map((folder) => join(folder, program)));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
