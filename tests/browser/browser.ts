import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, onTestFinished } from "vitest";

import type { BrowserRun, NoBrowser } from "../support/browser-run.ts";

const provided: BrowserRun | NoBrowser = inject("browser");

/** True where no browser is installed, and that is no failure. For `describe.skipIf`. */
export const NO_BROWSER: boolean = "skip" in provided && provided.skip;

/** For machines with no display, no GPU and, in containers, no sandbox; and it is not to call home. */
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What somebody who opens a page sees, and what their browser complained of. */
export interface Visit {
  readonly page: Page;
  /** Errors, and what the server's policy forbade. A test that expects some takes them out. */
  readonly complaints: string[];
}

/**
 * Starts one browser for all tests of a file. Call at the top of the file; the returned function opens a page in a
 * fresh profile, which ends with the test. Fails a test whose page complained.
 */
export function browserForFile(): (url: string, options?: BrowserContextOptions) => Promise<Visit> {
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (NO_BROWSER) return;
    if ("reason" in provided) throw new Error(`No browser tests: ${provided.reason}`);
    browser = await chromium.launch({ executablePath: provided.executablePath, args: ARGS });
  });
  afterAll(async () => {
    await browser?.close();
  });
  return async (url, options = {}) => {
    if (browser === undefined) throw new Error("The file's browser runs only within its tests");
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    onTestFinished(async () => {
      await context.close();
      expect(complaints, "what the browser complained of").toEqual([]);
    });
    await page.goto(url, { waitUntil: "commit" });
    return { page, complaints };
  };
}
